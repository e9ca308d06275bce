/**
 * Writing files. Each is made under a temporary name beside its place, filled from wherever its extents come, in any
 * order, and renamed when the last byte and all metadata are there. A file that already is as it should be is left alone.
 */
import type { FileEntry } from "../core/format/entry.ts";
import { baseName, parentOf, toText } from "../core/format/path.ts";
import type { Loss } from "../core/manifest/loss.ts";
import { createFile, openFileAt, truncate, writeAt } from "../core/system/beneath.ts";
import { close } from "../core/system/files.ts";
import { SystemError } from "../core/system/libc.ts";
import { fstat, lstatAt, type Stat } from "../core/system/stat.ts";
import { sameContent } from "./compare.ts";
import type { HardLinks } from "./hard-links.ts";
import { placed, type Region, regionsOf } from "./holes.ts";
import type { Metadata } from "./metadata.ts";
import type { Pauses } from "./pauses.ts";
import { madeAnew, putInPlace, removeIfThere, temporaryName } from "./place.ts";
import type { Report } from "./report.ts";
import type { Target } from "./target.ts";
import { writeFailed } from "./trouble.ts";

/** A file on its way. */
export type Job = {
  readonly entry: FileEntry;
  /** Undefined before its first bytes come. */
  fd: number | undefined;
  /** Extents that are not written yet. */
  pending: number;
  /** Nothing more is to be done: the file is in its place, or lost. */
  over: boolean;
  /** Of a sparse file, where its data goes. */
  readonly regions: readonly Region[] | undefined;
};

export class Files {
  readonly #started = new Set<Job>();

  constructor(
    readonly target: Target,
    readonly metadata: Metadata,
    readonly links: HardLinks,
    readonly report: Report,
    readonly pauses: Pauses,
  ) {}

  /**
   * Whether the file is in its place with the right content; then its metadata is put right. Its metadata alone is no
   * proof, so it is read.
   */
  async isThere(entry: FileEntry): Promise<boolean> {
    try {
      const fd = this.#openExisting(entry);
      if (fd === undefined) return false;
      try {
        return await this.#isIn(fd, entry);
      } finally {
        close(fd);
      }
    } catch (error) {
      if (error instanceof SystemError) return false;
      throw error;
    }
  }

  /** A file whose content is to be brought; undefined where it needs none, or cannot be made. */
  start(entry: FileEntry): Job | undefined {
    const regions = entry.holes.length === 0 ? undefined : regionsOf(entry);
    const job: Job = { entry, fd: undefined, pending: entry.extents.length, over: false, regions };
    if (job.pending > 0) return job;
    this.#attempt(job, () => {
      this.#open(job);
      this.#finish(job);
    });
    return undefined;
  }

  /**
   * Writes verified bytes of an extent, whose first is byte `position` of the data (holes not counted).
   * `ends`: they are the last of that extent. The last extent of all finishes the file.
   */
  write(job: Job, bytes: Uint8Array, position: number, ends: boolean): void {
    if (job.over) return;
    this.#attempt(job, () => {
      const fd = job.fd ?? this.#open(job);
      if (job.regions === undefined) writeAt(fd, bytes, position);
      else
        for (const { data, file, length } of placed(job.regions, position, bytes.length)) {
          writeAt(fd, bytes.subarray(data - position, data - position + length), file);
        }
      this.report.figures.bytes += bytes.length;
      this.report.done.bytes += bytes.length;
      if (!ends) return;
      job.pending -= 1;
      if (job.pending === 0) this.#finish(job);
    });
  }

  /** Gives a file up, since its content cannot be had. */
  lose(job: Job, loss: Loss): void {
    if (job.over) return;
    this.#discard(job);
    this.report.lost("content-lost", { doing: "restore", what: toText(job.entry.path), ...loss });
  }

  /** Removes what is not finished: for the end of a job that stops early. */
  discardStarted(): void {
    for (const job of [...this.#started]) this.#discard(job);
  }

  #attempt(job: Job, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#discard(job);
      writeFailed(this.report, job.entry, error);
    }
  }

  #open(job: Job): number {
    const { path } = job.entry;
    const { fd: folder } = this.target.folder(parentOf(path));
    const temporary = temporaryName(path);
    const fd = madeAnew(folder, temporary, () => createFile(folder, temporary));
    job.fd = fd;
    this.#started.add(job);
    return fd;
  }

  #finish(job: Job): void {
    const { entry, fd } = job;
    if (fd === undefined) throw new Error("a file is finished before it is begun");
    if (job.regions !== undefined) truncate(fd, entry.size);
    const folder = this.target.folder(parentOf(entry.path));
    this.metadata.apply(fd, entry, !folder.fresh);
    const made = entry.hardLink === undefined ? undefined : fstat(fd);
    putInPlace(folder.fd, temporaryName(entry.path), entry.path);
    job.over = true;
    job.fd = undefined;
    this.#started.delete(job);
    close(fd);
    if (made !== undefined) this.links.restored(entry, made);
    this.report.figures.files += 1;
    this.report.done.files += 1;
    for (const [, length] of entry.holes) this.report.done.bytes += length;
  }

  #discard(job: Job): void {
    job.over = true;
    this.report.done.files += 1;
    const { fd } = job;
    if (fd === undefined) return;
    job.fd = undefined;
    this.#started.delete(job);
    close(fd);
    try {
      const folder = this.target.folderIfThere(parentOf(job.entry.path));
      removeIfThere(folder.fd, temporaryName(job.entry.path));
    } catch (error) {
      // A leftover: the next restore of this path takes it away.
      if (!(error instanceof SystemError)) throw error;
    }
  }

  #openExisting(entry: FileEntry): number | undefined {
    const folder = this.target.folder(parentOf(entry.path));
    if (folder.fresh) return undefined;
    const name = baseName(entry.path);
    const found = lstatAt(folder.fd, name);
    return found !== undefined && couldBe(entry, found) ? openFileAt(folder.fd, name) : undefined;
  }

  async #isIn(fd: number, entry: FileEntry): Promise<boolean> {
    const found = fstat(fd);
    if (!couldBe(entry, found) || !(await sameContent(fd, entry, this.pauses))) return false;
    // A change of its metadata would show under its other names too, which may lie anywhere.
    if (found.links > 1 && !this.metadata.matches(fd, entry, found)) return false;
    if (this.metadata.correct(fd, entry, found)) this.report.figures.files += 1;
    else this.report.figures.unchanged += 1;
    if (entry.hardLink !== undefined) this.links.restored(entry, found);
    this.report.inPlace(entry);
    return true;
  }
}

function couldBe(entry: FileEntry, found: Stat): boolean {
  return found.type === "file" && found.size === entry.size && (found.links === 1 || entry.hardLink !== undefined);
}
