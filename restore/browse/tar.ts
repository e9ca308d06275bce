/**
 * Writes chosen entries of a backup as a pax tar: what `restore` would make, as far as a tar can say it. Names of one file become links to
 * the first of them, and holes stay holes.
 */
import type { Entry, Extent, FileEntry, ObjectRef } from "../../core/format/entry.ts";
import type { Manifest } from "../../core/format/manifest.ts";
import { type ByteString, toText } from "../../core/format/path.ts";
import { isContinued } from "../../core/format/segment.ts";
import { paddingOf, tarEnd, tarHead } from "../../core/format/tar.ts";
import { TornFolders } from "../../core/format/torn-folders.ts";
import { type Loss, lossOf } from "../../core/manifest/loss.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import { ChosenEntries, type ChosenPart } from "../chosen.ts";
import { linkGroup } from "../hard-links.ts";
import { dataRunsOf } from "../holes.ts";
import { tellBadEntry, tellLostPart, tellSealed } from "../lost-stretches.ts";
import { Pauses } from "../pauses.ts";
import { mostHeld } from "../plan.ts";
import type { Report } from "../report.ts";
import { RunningContent } from "../running-content.ts";
import { type Patterns, Selection } from "../select.ts";
import { TarContent } from "./tar-content.ts";

export type TarOptions = {
  readonly bucket: ObjectSource;
  readonly manifest: Manifest;
  readonly paths: readonly string[];
  readonly patterns?: Patterns | undefined;
  readonly strip?: number | undefined;
  readonly report: Report;
  /** Does not keep the bytes. */
  readonly write: (bytes: Uint8Array) => void;
  readonly signal: AbortSignal;
};

/** Returns the paths that the backup does not have. */
export async function writeTar(options: TarOptions): Promise<readonly ByteString[]> {
  await using running = new RunningContent(options.bucket);
  return await new TarWriter(options, running).run();
}

class TarWriter {
  readonly #options: TarOptions;
  readonly #running: RunningContent;
  readonly #selection: Selection;
  readonly #pauses: Pauses;
  #torn = new TornFolders();
  /** Paths of files and links that begin the current path. */
  #others: ByteString[] = [];
  /** By group of names: the member that has the content. */
  readonly #leaders = new Map<string, ByteString>();
  #length = 0;

  constructor(options: TarOptions, running: RunningContent) {
    this.#options = options;
    this.#running = running;
    this.#pauses = new Pauses(options.signal);
    this.#selection = new Selection(options.paths, () => false, options.patterns);
  }

  async run(): Promise<readonly ByteString[]> {
    const { report, strip = 0 } = this.#options;
    const selection = this.#selection;
    const entries = new ChosenEntries({
      ...this.#options,
      selection,
      strip,
      // Where the tar is extracted, there is a folder.
      isThere: (folder) => folder === "/",
      onLostPart: (part, loss) => tellLostPart(report, part, loss),
      onBadEntry: (bad) => tellBadEntry(report, selection, bad),
      onSealed: (bundle) => tellSealed(report, bundle),
    });
    for (const list of entries.lists()) {
      for await (const part of entries.in(list)) await this.#writePart(part);
      for (const folder of this.#torn.rest()) this.#write(tarHead({ entry: folder, regions: [] }));
      this.#torn = new TornFolders();
    }
    this.#write(tarEnd(this.#length));
    return this.#selection.all ? [] : this.#selection.missing();
  }

  async #writePart({ chosen, objects }: ChosenPart): Promise<void> {
    const files = chosen.flatMap(({ entry }) => (entry.type === "file" ? [entry] : []));
    const content = new TarContent(this.#options.bucket, objects, this.#running, files);
    for (const { entry, selected } of chosen) {
      if (this.#pauses.due(0)) await this.#pauses.take();
      if (entry.type === "segment" || (!selected && entry.path === "/")) continue;
      if (this.#isBelowOther(entry)) continue;
      for (const folder of this.#torn.before(entry.path)) this.#write(tarHead({ entry: folder, regions: [] }));
      await this.#member(entry, content);
      this.#torn.add(entry);
    }
  }

  /** Reports an entry below a file or link, through which some programs would write. Only a forged manifest has one. */
  #isBelowOther({ path, type }: Entry): boolean {
    this.#others = this.#others.filter((other) => path.startsWith(other));
    if (type !== "folder") this.#others.push(path);
    if (!this.#others.some((other) => path.startsWith(`${other}/`))) return false;
    const why = "the manifest has it below something that is no folder";
    const remedy = "restore it from another backup: `sysbackup list` shows them";
    this.#options.report.lost("not-in-tar", { doing: "write", what: toText(path), why, remedy, damage: true });
    return true;
  }

  async #member(entry: Entry, content: TarContent): Promise<void> {
    if (entry.type === "folder") return this.#plain(entry);
    const group = entry.hardLink === undefined ? undefined : linkGroup(entry);
    const leader = group === undefined ? undefined : this.#leaders.get(group);
    if (leader !== undefined) {
      this.#write(tarHead({ entry, regions: [], linkTo: leader }));
      this.#options.report.figures.hardLinks += 1;
      return;
    }
    if (entry.type !== "file") this.#plain(entry);
    else if (!(await this.#file(entry, content))) return;
    if (group !== undefined) this.#leaders.set(group, entry.path);
  }

  #plain(entry: Exclude<Entry, FileEntry>): void {
    const { figures } = this.#options.report;
    this.#write(tarHead({ entry, regions: [] }));
    if (entry.type === "folder") figures.folders += 1;
    else if (entry.type === "link") figures.links += 1;
    else figures.nodes += 1;
  }

  /** Returns whether the file is in the tar. */
  async #file(entry: FileEntry, content: TarContent): Promise<boolean> {
    const { report } = this.#options;
    if (isContinued(entry)) {
      const why = "its content is in too many pieces for a tar";
      const remedy = "restore it into a folder";
      report.lost("not-in-tar", { doing: "write", what: toText(entry.path), why, remedy, damage: false });
      return false;
    }
    const bytes = entry.extents.reduce((sum, { length }) => sum + length, 0);
    if (bytes <= mostHeld) return this.#smallFile(entry, content);
    await this.#largeFile(entry, content, bytes);
    return true;
  }

  /** Writes a file of which all bytes are verified first. */
  async #smallFile(entry: FileEntry, content: TarContent): Promise<boolean> {
    const pieces: Uint8Array[] = [];
    for (const extent of entry.extents) {
      try {
        // Copies, as another frame may take the place of theirs.
        for await (const piece of content.bytesOf(extent)) pieces.push(new Uint8Array(piece));
      } catch (error) {
        this.#lose(entry, this.#lossOf(error, extent, content));
        return false;
      }
    }
    this.#head(entry);
    for (const piece of pieces) this.#write(piece);
    this.#pad(pieces.reduce((sum, { length }) => sum + length, 0));
    return true;
  }

  /** Each extent is verified when it comes. A tar cannot take back the head of a file: what is lost of it becomes zeros. */
  async #largeFile(entry: FileEntry, content: TarContent, bytes: number): Promise<void> {
    this.#head(entry);
    let loss: Loss | undefined;
    for (const extent of entry.extents) {
      let left = extent.length;
      try {
        for await (const piece of content.bytesOf(extent)) {
          this.#write(piece);
          left -= piece.length;
          if (this.#pauses.due(piece.length)) await this.#pauses.take();
        }
      } catch (error) {
        loss = this.#lossOf(error, extent, content);
        for (; left > 0; left -= zeros.length) this.#write(zeros.subarray(0, left));
      }
    }
    this.#pad(bytes);
    if (loss === undefined) return;
    const remedy = `do not use the file from this tar, and ${loss.remedy}`;
    this.#lose(entry, { ...loss, why: `${loss.why}, so what the tar has of the file is wrong`, remedy });
  }

  #lossOf(error: unknown, extent: Extent, content: TarContent): Loss {
    this.#options.signal.throwIfAborted();
    const { key }: ObjectRef = content.objectOf(extent);
    return lossOf(error, key);
  }

  #lose({ path }: FileEntry, loss: Loss): void {
    this.#options.report.lost("content-lost", { doing: "write", what: toText(path), ...loss });
  }

  #head(entry: FileEntry): void {
    const regions = dataRunsOf({ ...entry, from: 0 }).map(({ file, length }) => [file, length] as const);
    this.#write(tarHead({ entry, regions }));
    this.#options.report.figures.files += 1;
    this.#options.report.figures.bytes += regions.reduce((sum, [, length]) => sum + length, 0);
  }

  #pad(bytes: number): void {
    this.#write(zeros.subarray(0, paddingOf(bytes)));
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#length += bytes.length;
    this.#options.write(bytes);
  }
}

const zeros = new Uint8Array(64 * 1024);
