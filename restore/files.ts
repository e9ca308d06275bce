/**
 * Writes files. Each is made in the workplace of its folder, filled with its extents in any order, and renamed when the
 * last byte and all metadata are there. A file that is right already is left alone.
 */

import type { FileEntry } from "../core/format/entry.ts";
import { sameMoment } from "../core/format/moment.ts";
import { type ByteString, baseName, parentOf, toText } from "../core/format/path.ts";
import type { Loss } from "../core/manifest/loss.ts";
import { createFile, openFileAt, remove, truncate, writeAt } from "../core/system/beneath.ts";
import { close } from "../core/system/files.ts";
import { SystemError } from "../core/system/libc.ts";
import { fstat, lstatAt, type Stat } from "../core/system/stat.ts";
import type { Adoption } from "./adoption.ts";
import { extentsIn, sameContent } from "./compare.ts";
import type { Flags } from "./flags.ts";
import type { HardLinkRestorer } from "./hard-links.ts";
import { type DataRun, dataRunsOf, placed } from "./holes.ts";
import { createLarge, isLarge, openLarge } from "./large-files.ts";
import type { Metadata } from "./metadata.ts";
import { Obstacle } from "./obstacle.ts";
import type { Pauses } from "./pauses.ts";
import { putInPlace } from "./place.ts";
import { unlessRefused } from "./refused.ts";
import { RefusingMounts } from "./refusing-mounts.ts";
import type { Report } from "./report.ts";
import { OpenSubject } from "./subject.ts";
import type { Target } from "./target.ts";
import { writeFailed } from "./trouble.ts";

/** A file that is being restored. */
export type Job = {
  readonly entry: FileEntry;
  /** Undefined until its first bytes come. */
  open: { readonly fd: number; readonly temporary: ByteString } | undefined;
  /** Number of extents that are not written yet. */
  pending: number;
  /** True when the file is in its place, or lost. */
  over: boolean;
  /** Data of a sparse file, and its places; undefined for a file without holes. */
  readonly runs: readonly DataRun[] | undefined;
  /** Indices of extents that an earlier restore has written. */
  done: ReadonlySet<number>;
};

export type FilesDeps = {
  readonly target: Target;
  readonly metadata: Metadata;
  readonly adoption: Adoption;
  readonly links: HardLinkRestorer;
  readonly report: Report;
  readonly pauses: Pauses;
  readonly flags: Flags;
};

export class Files {
  readonly #deps: FilesDeps;
  readonly #started = new Set<Job>();
  readonly #refusing: RefusingMounts;

  constructor(deps: FilesDeps) {
    this.#deps = deps;
    this.#refusing = new RefusingMounts(deps.target);
  }

  /**
   * Returns whether the file is in its place with the right content, and corrects its metadata if so. Reads the content,
   * since metadata alone proves nothing.
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
      // Whatever it is will be reported when the file is made.
      if (error instanceof SystemError || error instanceof Obstacle) return false;
      throw error;
    }
  }

  /** Starts a file. Returns undefined if it needs no content, or cannot be made. */
  async start(entry: FileEntry): Promise<Job | undefined> {
    const runs = entry.holes.length === 0 ? undefined : dataRunsOf(entry);
    const job: Job = { entry, open: undefined, pending: entry.extents.length, over: false, runs, done: new Set() };
    const refusal = this.#refusing.refusal(entry);
    if (refusal === undefined && isLarge(entry)) await this.#goOn(job);
    if (job.pending > 0 && refusal === undefined) return job;
    this.#attempt(job, () => {
      if (refusal !== undefined) throw refusal;
      if (job.open === undefined) this.#open(job);
      this.#finish(job);
    });
    return undefined;
  }

  /** Goes on with a large file that a killed restore has left. */
  async #goOn(job: Job): Promise<void> {
    const { target, report, pauses } = this.#deps;
    unlessRefused(() => {
      job.open = openLarge(target.workplace(parentOf(job.entry.path)), job.entry);
    });
    if (job.open === undefined) return;
    this.#started.add(job);
    job.done = await extentsIn(job.open.fd, job.entry, pauses);
    job.pending -= job.done.size;
    for (const index of job.done) report.done.bytes += job.entry.extents[index]?.length ?? 0;
  }

  /**
   * Writes verified bytes of an extent. `position`: place of the first byte in the file's data, without holes. `ends`: they
   * are the last of that extent. The last of all extents finishes the file.
   */
  write(job: Job, bytes: Uint8Array, position: number, ends: boolean): void {
    if (job.over) return;
    this.#attempt(job, () => {
      const { fd } = job.open ?? this.#open(job);
      if (job.runs === undefined) writeAt(fd, bytes, position);
      else
        for (const { data, file, length } of placed(job.runs, position, bytes.length)) {
          writeAt(fd, bytes.subarray(data - position, data - position + length), file);
        }
      const { figures, done } = this.#deps.report;
      figures.bytes += bytes.length;
      done.bytes += bytes.length;
      if (!ends) return;
      job.pending -= 1;
      if (job.pending === 0) this.#finish(job);
    });
  }

  /** Gives a file up, since its content is lost. */
  lose(job: Job, loss: Loss): void {
    if (job.over) return;
    this.#discard(job);
    this.#deps.report.lost("content-lost", { doing: "restore", what: toText(job.entry.path), ...loss });
  }

  /** Removes unfinished files, at the end of a job that stops early. */
  discardStarted(): void {
    for (const job of [...this.#started]) this.#discard(job);
  }

  #attempt(job: Job, action: () => void): void {
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
    const { target, metadata, links, report } = this.#deps;
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
    report.figures.files += 1;
    report.done.files += 1;
    for (const [, length] of entry.holes) report.done.bytes += length;
  }

  #discard(job: Job): void {
    const { target, report } = this.#deps;
    const { entry, open } = job;
    report.done.files += 1;
    this.#close(job);
    if (open === undefined) return;
    // The next restore removes a leftover.
    unlessRefused(() => {
      target.folderIfThere(parentOf(entry.path));
      remove(target.workplace(parentOf(entry.path)), open.temporary);
    });
  }

  #close(job: Job): void {
    job.over = true;
    if (job.open === undefined) return;
    close(job.open.fd);
    job.open = undefined;
    this.#started.delete(job);
  }

  #openExisting(entry: FileEntry): number | undefined {
    const folder = this.#deps.target.folder(parentOf(entry.path));
    if (folder.fresh) return undefined;
    const name = baseName(entry.path);
    const found = lstatAt(folder.fd, name);
    return found !== undefined && couldBe(entry, found) ? openFileAt(folder.fd, name) : undefined;
  }

  async #isIn(fd: number, entry: FileEntry): Promise<boolean> {
    const { metadata, adoption, links, report, pauses } = this.#deps;
    const subject = new OpenSubject(fd);
    const found = fstat(fd);
    if (!couldBe(entry, found)) return false;
    const isRight = metadata.matches(subject, entry, found);
    if (!isRight && !adoption.mayCorrect(entry, found)) return false;
    if (!(await sameContent(fd, entry, pauses)) || !isUntouched(found, fstat(fd))) return false;
    if (isRight) report.figures.unchanged += 1;
    else {
      metadata.correct(subject, entry, found);
      this.#deps.flags.set(fd, entry);
      report.figures.files += 1;
    }
    if (entry.hardLink !== undefined) links.restored(entry, fstat(fd));
    report.inPlace(entry);
    return true;
  }
}

/** Returns false for a file with other names, which give access to it, unless the backup has several names for it, too. */
function couldBe(entry: FileEntry, found: Stat): boolean {
  return found.type === "file" && found.size === entry.size && (found.links === 1 || entry.hardLink !== undefined);
}

/** Returns whether a file is unchanged since: a change of content, owner, mode or links shows in the ctime. */
function isUntouched(before: Stat, { changed }: Stat): boolean {
  return sameMoment(changed, before.changed);
}
