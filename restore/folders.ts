/**
 * Folders: made as the walk comes by, with mode 0700; they get their own metadata at the very end, deepest first, since
 * writing into a folder changes its times and may not be allowed by its mode.
 */
import type { FolderEntry } from "../core/format/entry.ts";
import { decodeEntry, encodeHead } from "../core/format/entry-json.ts";
import { type ByteString, parentOf, toText } from "../core/format/path.ts";
import { SystemError } from "../core/system/libc.ts";
import { fstat } from "../core/system/stat.ts";
import type { Metadata } from "./metadata.ts";
import type { Report } from "./report.ts";
import type { Spool } from "./spool.ts";
import type { Target } from "./target.ts";
import { writeFailed } from "./trouble.ts";

export class Folders {
  /** Folders that could not be made: what lies in them is lost with them, and told with them. */
  readonly #lost = new Map<ByteString, { entries: number }>();

  constructor(
    readonly target: Target,
    readonly metadata: Metadata,
    readonly report: Report,
    readonly spool: Spool,
  ) {}

  /**
   * `selected` is false for folders that only lead to what is restored: they get their metadata where they had to be made.
   *
   * The backup's `/` is the target. It gets that metadata where it is the machine's own `/`, or was made by this restore;
   * a folder that the user had before stays as private or open as the user made it.
   */
  restore(entry: FolderEntry, selected: boolean): void {
    try {
      const made = this.target.make(entry.path) === "made";
      if (entry.path === "/" && !made && !this.target.isSystemRoot) return;
      if (selected || made) this.spool.push(encodeHead(entry));
    } catch (error) {
      this.#lost.set(entry.path, { entries: 0 });
      writeFailed(this.report, entry, error);
    }
  }

  /** Whether an entry cannot be restored since its folder could not. */
  isLost(entry: { readonly path: ByteString; readonly type: string }): boolean {
    if (this.#lost.size === 0) return false;
    const lost = this.#lost.get(parentOf(entry.path));
    if (lost === undefined) return false;
    lost.entries += 1;
    // All that lies deeper counts with the uppermost.
    if (entry.type === "folder") this.#lost.set(entry.path, lost);
    return true;
  }

  finish(): void {
    for (const [path, lost] of this.#lost) {
      if (lost.entries === 0) continue;
      const what = lost.entries === 1 ? "1 entry" : `${lost.entries} entries`;
      this.report.warning("folder-lost", `did not restore ${what} in ${JSON.stringify(toText(path))}`);
      lost.entries = 0;
    }
    for (const line of this.spool.backwards()) this.#apply(decodeEntry(JSON.parse(line)));
  }

  #apply(entry: ReturnType<typeof decodeEntry>): void {
    try {
      const { fd } = this.target.folderIfThere(entry.path);
      if (this.metadata.correct(fd, entry, fstat(fd))) this.report.figures.folders += 1;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.report.count("mode", toText(entry.path), error.reason);
    }
  }
}
