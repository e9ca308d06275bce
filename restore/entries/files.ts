/**
 * Writes files. Each is made in the workplace of its folder, filled with its extents in any order, and renamed when the
 * last byte and all metadata are there. `writers.ts` does so for most files on other threads, and counts them here.
 */
import type { FileEntry, ObjectRef, Segment } from "../../core/format/entries/entry.ts";
import { parentOf, toText } from "../../core/format/path.ts";
import type { Loss } from "../../core/manifest/loss.ts";
import type { Pauses } from "../../core/pauses.ts";
import { createFile, remove, truncate, writeAt } from "../../core/system/files/beneath.ts";
import { close, dataRegions, readAt } from "../../core/system/files/files.ts";
import { fstat } from "../../core/system/filesystem/stat.ts";
import { descriptorShare } from "../../core/system/threads/limits.ts";
import type { LostFiles } from "../report/lost-files.ts";
import type { Report } from "../report/report.ts";
import { putInPlace } from "../target/place.ts";
import { unlessRefused } from "../target/refused.ts";
import { RefusingMounts } from "../target/refusing-mounts.ts";
import type { Target } from "../target/target.ts";
import { extentsIn } from "./compare.ts";
import { type ExistingFile, isUntouched } from "./existing-file.ts";
import type { Flags } from "./flags.ts";
import type { HardLinkRestorer } from "./hard-links.ts";
import { placed } from "./holes.ts";
import { isOver, type Job, jobOf } from "./job.ts";
import { createLarge, isLarge, openLarge } from "./large-files.ts";
import type { LocalCopies } from "./local-copies.ts";
import type { Metadata } from "./metadata.ts";
import { OpenSubject } from "./subject.ts";
import { writeFailed } from "./trouble.ts";

/** Files that are begun with content of this machine and wait for the rest, at most. */
const mostBegun = descriptorShare(64);
const copiedAtOnce = 1024 * 1024;

export type FilesDeps = {
  readonly target: Target;
  readonly metadata: Metadata;
  readonly links: HardLinkRestorer;
  readonly report: Report;
  readonly pauses: Pauses;
  readonly flags: Flags;
  /** Gets files whose content is lost. */
  readonly lost: LostFiles;
  /** Where content may lie already. */
  readonly local: LocalCopies | undefined;
};

export class Files {
  readonly #deps: FilesDeps;
  readonly #started = new Set<Job>();
  readonly #refusing: RefusingMounts;

  constructor(deps: FilesDeps) {
    this.#deps = deps;
    this.#refusing = new RefusingMounts(deps.target);
  }

  /** Starts a file that needs content, and nothing else at first: nearly all are such. Returns undefined for others: see `start`. */
  startPlain(entry: FileEntry, objects: readonly ObjectRef[]): Job | undefined {
    const isPlain = this.#deps.local === undefined && entry.extents.length > 0 && !isLarge(entry);
    return isPlain && this.#refusing.refusal(entry) === undefined ? this.#jobOf(entry, objects) : undefined;
  }

  /** Starts a file. Returns undefined if it needs no content, or cannot be made. */
  async start(entry: FileEntry, objects: readonly ObjectRef[]): Promise<Job | undefined> {
    const job = this.#jobOf(entry, objects);
    const refusal = this.#refusing.refusal(entry);
    if (refusal === undefined && isLarge(entry)) {
      this.#goOn(job);
      await this.#skipDone(job);
    }
    if (refusal === undefined) await this.#bringLocal(job);
    if (job.over) return undefined;
    if (job.pending > 0 && refusal === undefined) return job;
    this.#attempt(job, () => {
      if (refusal !== undefined) throw refusal;
      if (job.open === undefined) this.#open(job);
      this.#finish(job);
    });
    return undefined;
  }

  /** Starts a file whose content comes in segments. Returns a job that is over if it cannot be made. */
  startContinued(entry: FileEntry): Job {
    const job = this.#jobOf(entry, []);
    this.#attempt(job, () => {
      const refusal = this.#refusing.refusal(entry);
      if (refusal !== undefined) throw refusal;
      if (isLarge(entry)) this.#goOn(job);
      if (job.open === undefined) this.#open(job);
    });
    return job;
  }

  /** Starts a segment. Returns undefined if it needs no content. */
  async startSegment(of: Job, segment: Segment): Promise<Job | undefined> {
    const job = jobOf(of.entry, segment, [], of);
    job.open = of.open;
    for (const [, length] of segment.holes) this.#deps.report.done.bytes += length;
    await this.#skipDone(job);
    await this.#bringLocal(job);
    return job.pending > 0 && !isOver(job) ? job : undefined;
  }

  /** Copies the beginning of a file that is in the place of another one. */
  async copy(job: Job, { fd, found }: ExistingFile, upTo: number): Promise<void> {
    const block = Buffer.allocUnsafeSlow(copiedAtOnce);
    for (const [start, length] of dataRegions(fd, upTo)) {
      for (let done = 0; done < length && !job.over; ) {
        const read = readAt(fd, block, 0, Math.min(block.length, length - done), start + done);
        this.#attempt(job, () => writeAt(job.open?.fd ?? this.#open(job).fd, block.subarray(0, read), start + done));
        done += read === 0 ? length : read;
        if (this.#deps.pauses.due(read)) await this.#deps.pauses.take();
      }
    }
    if (isUntouched(found, fstat(fd)) || job.over) return;
    const why = "what is in its place was changed while it was compared with the backup";
    this.lose(job, { why, how: why, remedy: "run again", damage: false, newer: false, junk: false });
  }

  /** Removes what was written of a file. The caller has reported why. */
  giveUp(job: Job): void {
    if (!isOver(job)) this.#discard(job);
  }

  /** Removes a file that turned out to be another name of one that is restored. Nothing is lost. */
  withdraw(job: Job): void {
    if (isOver(job)) return;
    this.#discard(job);
    // It counts where it is linked.
    this.#deps.report.done.files -= 1;
  }

  /** Finishes a file, all of whose segments are written. */
  finishContinued(job: Job): void {
    this.#attempt(job, () => this.#finish(job));
  }

  #jobOf(entry: FileEntry, objects: readonly ObjectRef[]): Job {
    const { size, extents, holes } = entry;
    return jobOf(entry, { size, extents, holes, from: 0 }, objects);
  }

  /** Goes on with a large file that a killed restore has left. */
  #goOn(job: Job): void {
    const { target } = this.#deps;
    unlessRefused(() => {
      job.open = openLarge(target.workplace(parentOf(job.entry.path)), job.entry);
    });
    if (job.open !== undefined) this.#started.add(job);
  }

  /** Leaves out what our file has already: what a killed restore has written, or what lay on the disk. */
  async #skipDone(job: Job): Promise<void> {
    const { report, pauses } = this.#deps;
    const { extents } = job.content;
    if (job.open === undefined) return;
    const before = job.done;
    job.done = await extentsIn(job.open.fd, job.content, pauses);
    job.pending = extents.length - job.done.size;
    for (const index of job.done) if (!before.has(index)) report.done.bytes += extents[index]?.length ?? 0;
  }

  /** Takes what lies on the disk already, as far as it is what the backup has. */
  async #bringLocal(job: Job): Promise<void> {
    const { local, report } = this.#deps;
    if (local === undefined || job.pending === 0 || isOver(job)) return;
    const isNew = job.open === undefined;
    if (isNew && this.#started.size >= mostBegun) return;
    const { extents } = job.content;
    const wanted = new Set(extents.keys().filter((index) => !job.done.has(index)));
    const isBrought = await local.bring(job.entry.path, job.content, wanted, () => (job.open ?? this.#open(job)).fd);
    if (isBrought) await this.#skipDone(job);
    for (const index of job.done) if (wanted.has(index)) report.figures.localBytes += extents[index]?.length ?? 0;
    // Nothing of it is used: it may be as well fetched with others.
    if (isNew && job.done.size === 0) this.#abandon(job);
  }

  /**
   * Writes verified bytes of an extent. `position`: place of the first byte in the file's data, without holes. `ends`: they
   * are the last of that extent. The last of all extents finishes the file.
   */
  write(job: Job, bytes: Uint8Array, position: number, ends: boolean): void {
    if (isOver(job)) return;
    this.#attempt(job, () => {
      const { fd } = job.open ?? this.#open(job);
      if (job.runs === undefined) writeAt(fd, bytes, position);
      else
        for (const { data, file, length } of placed(job.runs, position, bytes.length)) {
          writeAt(fd, bytes.subarray(data - position, data - position + length), file);
        }
      this.#wrote(job, bytes.length, ends);
    });
  }

  /** Opens a file, if it is not open, for bytes that another thread writes. Returns undefined if it cannot be made. */
  opened(job: Job): number | undefined {
    if (isOver(job)) return undefined;
    this.#attempt(job, () => job.open ?? this.#open(job));
    return job.open?.fd;
  }

  /** Counts all bytes of an extent that another thread has written. The last of all extents finishes the file. */
  wrote(job: Job, bytes: number): void {
    if (!isOver(job)) this.#attempt(job, () => this.#wrote(job, bytes, true));
  }

  /** Counts a file that another thread has put in its place. */
  put(job: Job): void {
    job.over = true;
    this.#countBytes(job.entry.size);
    this.#countFile(job.entry);
  }

  /** Gives a file up, since its content is lost. */
  lose(job: Job, loss: Loss): void {
    if (isOver(job)) return;
    this.#discard(job);
    const { entry, objects } = job;
    const isNews = entry.continued !== undefined || this.#deps.lost.add(entry, objects);
    const lost = { doing: "restore", what: toText(entry.path), path: entry.path, ...loss };
    if (isNews) this.#deps.report.lost("content-lost", lost);
  }

  /** Removes unfinished files, at the end of a job that stops early. */
  discardStarted(): void {
    for (const job of [...this.#started]) this.#discard(job);
  }

  #wrote(job: Job, bytes: number, ends: boolean): void {
    this.#countBytes(bytes);
    if (!ends) return;
    job.pending -= 1;
    if (job.pending > 0) return;
    if (job.of === undefined) this.#finish(job);
    else job.over = true;
  }

  #countBytes(bytes: number): void {
    const { figures, done } = this.#deps.report;
    figures.bytes += bytes;
    done.bytes += bytes;
  }

  #countFile({ path, holes }: FileEntry): void {
    const { report } = this.#deps;
    report.did(path, "files");
    report.done.files += 1;
    for (const [, length] of holes) report.done.bytes += length;
  }

  #attempt(job: Job, action: () => unknown): void {
    try {
      action();
    } catch (error) {
      this.#discard(job);
      this.#refusing.note(job.entry, error);
      writeFailed(this.#deps, job.entry.path, error);
    }
  }

  #open(job: Job): NonNullable<Job["open"]> {
    const { target } = this.#deps;
    const place = target.workplace(parentOf(job.entry.path));
    const file = isLarge(job.entry) ? createLarge(place, job.entry) : undefined;
    const temporary = target.names.next();
    job.open = file ?? { fd: createFile(place, temporary), temporary };
    this.#started.add(job);
    return job.open;
  }

  #finish(job: Job): void {
    const { target, metadata, links } = this.#deps;
    const { entry, open } = job;
    if (open === undefined) throw new Error("a file is finished before it is begun");
    const { fd, temporary } = open;
    if (job.runs !== undefined) truncate(fd, entry.size);
    metadata.apply(new OpenSubject(fd), entry);
    putInPlace(target, temporary, entry.path);
    this.#deps.flags.set(fd, entry);
    // Call after the rename, which changes the ctime.
    if (entry.hardLink !== undefined) links.restored(entry, fstat(fd));
    this.#close(job);
    this.#countFile(entry);
  }

  #discard(job: Job): void {
    if (job.of !== undefined) {
      job.over = true;
      this.#discard(job.of);
      return;
    }
    this.#deps.report.done.files += 1;
    this.#abandon(job);
    job.over = true;
  }

  /** Removes the unfinished file. */
  #abandon(job: Job): void {
    const { target } = this.#deps;
    const { entry, open } = job;
    // Some filesystems refuse then what was written before.
    unlessRefused(() => this.#close(job));
    job.over = false;
    if (open === undefined) return;
    // The next restore removes a leftover.
    unlessRefused(() => {
      target.folderIfThere(parentOf(entry.path));
      remove(target.workplace(parentOf(entry.path)), open.temporary);
    });
  }

  #close(job: Job): void {
    const { open } = job;
    job.over = true;
    if (open === undefined) return;
    // Before it is closed: also if that fails, another file may have its descriptor then.
    job.open = undefined;
    this.#started.delete(job);
    close(open.fd);
  }
}
