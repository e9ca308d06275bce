/**
 * Restores folders. The walk makes each so that nobody else can enter it. They get their own metadata at the very end,
 * deepest first, since writing into a folder changes its times, and its mode may not allow it.
 */

import type { FolderEntry } from "../../core/format/entries/entry.ts";
import { decodeEntry, encodeHead } from "../../core/format/entries/entry-json.ts";
import { type ByteString, parentOf } from "../../core/format/path.ts";
import { quoted } from "../../core/format/quoted.ts";
import { fstat } from "../../core/system/filesystem/stat.ts";
import { SystemError } from "../../core/system/libc.ts";
import type { Report } from "../report/report.ts";
import { type FolderIdentity, isFolder } from "../target/folder.ts";
import { Obstacle, PseudoFilesystem, replaced } from "../target/obstacle.ts";
import type { Target } from "../target/target.ts";
import type { Adoption } from "./adoption.ts";
import type { Flags } from "./flags.ts";
import type { Metadata } from "./metadata.ts";
import type { Spool } from "./spool.ts";
import { OpenSubject } from "./subject.ts";
import { writeFailed } from "./trouble.ts";

export type FoldersDeps = {
  readonly target: Target;
  readonly metadata: Metadata;
  readonly adoption: Adoption;
  readonly report: Report;
  readonly spool: Spool;
  readonly flags: Flags;
};

export class Folders {
  readonly #deps: FoldersDeps;
  /** Folders that could not be made. Entries in them are lost, and are reported as a number for each folder. */
  readonly #lost = new Map<ByteString, { entries: number }>();
  /** Those among them that the kernel fills itself. */
  readonly #kernels = new Set<ByteString>();

  constructor(deps: FoldersDeps) {
    this.#deps = deps;
  }

  /**
   * Makes a folder. `selected` is false for folders that only lead to selected paths: they get their metadata only if they
   * had to be made.
   *
   * The backup's `/` is the target. It gets the metadata of `/` if it is the machine's own `/`, or was made by this
   * restore. A folder that the user had before stays as private or open as it was.
   */
  restore(entry: FolderEntry, selected: boolean): void {
    const { target, adoption } = this.#deps;
    try {
      const made = target.make(entry.path, adoption.folderRule(entry)) === "made";
      if (entry.path === "/" && !made && !target.isSystemRoot) return;
      if (selected || made) this.#putBy(entry);
    } catch (error) {
      this.#lost.set(entry.path, { entries: 0 });
      if (error instanceof PseudoFilesystem) this.#kernels.add(entry.path);
      else writeFailed(this.#deps, entry.path, error);
    }
  }

  /** Keeps the folder's metadata for the end. The file for that lies in the target itself, wherever the folder is. */
  #putBy(entry: FolderEntry): void {
    const { target, spool } = this.#deps;
    const line = lineOf(entry, target.identity(entry.path));
    try {
      spool.push(line);
    } catch (error) {
      writeFailed(this.#deps, "/" as ByteString, error);
    }
  }

  /** Returns whether an entry is lost, since its folder could not be made. */
  isLost(entry: { readonly path: ByteString; readonly type: string }): boolean {
    if (this.#lost.size === 0) return false;
    const lost = this.#lost.get(parentOf(entry.path));
    if (lost === undefined) return false;
    lost.entries += 1;
    // Entries that lie deeper count with the uppermost lost folder.
    if (entry.type === "folder") this.#lost.set(entry.path, lost);
    return true;
  }

  finish(): void {
    for (const [path, lost] of this.#lost) {
      if (lost.entries === 0) continue;
      const what = lost.entries === 1 ? "1 entry" : `${lost.entries} entries`;
      const why = this.#kernels.has(path) ? ": a filesystem is mounted there whose files the kernel makes" : "";
      this.#deps.report.warning("folder-lost", `did not restore ${what} in ${quoted(path)}${why}`);
      lost.entries = 0;
    }
    for (const line of this.#deps.spool.backwards()) this.#apply(line);
  }

  #apply(line: string): void {
    const { target, metadata, report } = this.#deps;
    const { entry, identity } = decodeLine(line);
    try {
      const { fd } = target.folderIfThere(entry.path);
      const found = fstat(fd);
      // Another folder there must not get this one's owner and mode.
      if (!isFolder(identity, found)) throw replaced();
      if (metadata.correct(new OpenSubject(fd), entry, found)) {
        report.did(entry.path, "folders");
        this.#deps.flags.set(fd, entry);
      }
    } catch (error) {
      if (error instanceof SystemError) report.count("mode", entry.path, error.reason);
      else if (error instanceof Obstacle) writeFailed(this.#deps, entry.path, error);
      else throw error;
    }
  }
}

function lineOf(entry: FolderEntry, { device, inode, uid, born }: FolderIdentity): string {
  return `${device} ${inode} ${uid} ${born.seconds} ${born.nanoseconds} ${encodeHead(entry)}`;
}

function decodeLine(line: string): { readonly entry: FolderEntry; readonly identity: FolderIdentity } {
  const [, device = "", inode = "", uid = "", seconds, nanoseconds, json = ""] =
    /^(\d+) (\d+) (\d+) (-?\d+) (\d+) (.*)$/s.exec(line) ?? [];
  const born = { seconds: Number(seconds), nanoseconds: Number(nanoseconds) };
  const entry = decodeEntry(JSON.parse(json));
  if (entry.type !== "folder") throw new Error("something else than a folder was put by");
  return { entry, identity: { device: Number(device), inode: BigInt(inode), uid: Number(uid), born } };
}
