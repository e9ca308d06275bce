/**
 * Restores files whose content goes on in segments. Other entries may lie between a file and its segments, and parts: what is kept
 * of a file meanwhile is its entry, and the unfinished file.
 */
import type { Segment } from "../../core/format/entries/entry.ts";
import {
  behindSegments,
  Continuation,
  type ContinuedFile,
  digestOfSegment,
  mostOpenFiles,
} from "../../core/format/entries/segment.ts";
import { FormatError } from "../../core/format/error.ts";
import { type ByteString, toText } from "../../core/format/path.ts";
import { close } from "../../core/system/files/files.ts";
import { Garbage } from "../../core/system/threads/garbage.ts";
import type { Report } from "../report/report.ts";
import type { ExistingFile } from "./existing-file.ts";
import type { ExistingFiles } from "./existing-files.ts";
import type { Files } from "./files.ts";
import { isLaterName } from "./hard-links.ts";
import { isOver, type Job } from "./job.ts";

export type ContinuedFilesDeps = {
  readonly files: Files;
  readonly existing: ExistingFiles;
  readonly report: Report;
  /** Links a name to another one that was restored. Returns false if it needs content of its own. */
  readonly link: (entry: ContinuedFile) => boolean;
};

/** Fetches the content of a segment. */
export type Bring = (segment: Job) => Promise<void>;

/** A file whose segments have not all come. Those before it in the list have names that begin with its name. */
type PendingFile = {
  readonly entry: ContinuedFile;
  readonly continuation: Continuation;
  /** What is in its place, while its content is what it should be. */
  existing: ExistingFile | undefined;
  /** Undefined until something is to be written. */
  job: Job | undefined;
  /** Linked to another name, or lost: its segments are passed over. */
  over: boolean;
};

/** What decoding a segment leaves for each of its extents. */
const garbageOfExtent = 512;
const garbage = new Garbage();

/** Files whose bad entries are kept in mind. Of more, the segments are reported as well. */
const mostPassedOver = 1_000;

export class ContinuedFiles {
  readonly #deps: ContinuedFilesDeps;
  readonly #open: PendingFile[] = [];
  /** Files that are reported already. */
  readonly #reported = new Set<ByteString>();

  constructor(deps: ContinuedFilesDeps) {
    this.#deps = deps;
  }

  /** Takes the entry of a file. */
  begin(entry: ContinuedFile): void {
    this.#endBefore(entry.path);
    const file: PendingFile = {
      entry,
      continuation: new Continuation(entry),
      existing: undefined,
      job: undefined,
      over: false,
    };
    if (this.#open.length >= mostOpenFiles) this.#lose(file, "more files go on after it than can be");
    this.#open.push(file);
    if (file.over || this.#isLinked(file)) return;
    file.existing = this.#deps.existing.hold(entry);
    if (file.existing === undefined) file.job = this.#deps.files.startContinued(entry);
  }

  /** Takes a segment, and writes what is in it. */
  async take(segment: Segment, bring: Bring): Promise<void> {
    this.#endBefore(segment.path);
    garbage.left(segment.extents.length * garbageOfExtent);
    const file = this.#open.findLast(({ entry }) => entry.path === segment.file);
    if (file === undefined) return this.#tellOrphan(segment.file);
    if (file.over || this.#linkToInner(file)) return;
    try {
      file.continuation.take({ ...segment, digest: digestOfSegment(segment) });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#lose(file, error.message);
      return;
    }
    await this.#write(file, segment, bring);
    if (file.continuation.isComplete) this.#end(file);
  }

  /** Ends all files: there are no more segments. */
  end(): void {
    for (const file of this.#open.splice(0)) this.#end(file);
  }

  /** Closes what a job that stops early leaves open. */
  abandon(): void {
    for (const { existing } of this.#open.splice(0)) if (existing !== undefined) close(existing.fd);
  }

  /** Ends the files whose segments would come before this path. */
  #endBefore(path: ByteString): void {
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      if (path < behindSegments(last.entry.path)) return;
      this.#open.pop();
      this.#end(last);
    }
  }

  #isLinked(file: PendingFile): boolean {
    if (!isLaterName(file.entry) || !this.#deps.link(file.entry)) return false;
    file.over = true;
    return true;
  }

  /**
   * Links a file at its first segment to a name of it that sorts between: that one is restored by now, segments included, and came too
   * early to be linked to this one.
   */
  #linkToInner(file: PendingFile): boolean {
    const { entry, continuation } = file;
    if (continuation.isBegun || entry.hardLink === undefined || !this.#deps.link(entry)) return false;
    file.over = true;
    if (file.existing !== undefined) close(file.existing.fd);
    file.existing = undefined;
    if (file.job !== undefined) this.#deps.files.withdraw(file.job);
    return true;
  }

  /** Passes over the segments of a file that is reported as lost. */
  passOver(file: ByteString): void {
    if (this.#reported.size < mostPassedOver) this.#reported.add(file);
  }

  #tellOrphan(file: ByteString): void {
    if (this.#reported.has(file)) return;
    // Segments of other files may lie between, but those of this one come one after another.
    if (this.#reported.size >= mostPassedOver) this.#reported.clear();
    this.#reported.add(file);
    const why = "the manifest has content of it, and no entry";
    const remedy = "restore it from another backup: `sysbackup list` shows them";
    this.#deps.report.lost("content-lost", { doing: "restore", what: toText(file), why, remedy, damage: true });
  }

  async #write(file: PendingFile, segment: Segment, bring: Bring): Promise<void> {
    const { files } = this.#deps;
    if (file.existing !== undefined) {
      if (await this.#deps.existing.hasContent(file.existing, segment)) return;
      await this.#leaveExisting(file, segment.from);
    }
    if (file.job === undefined || isOver(file.job)) return;
    const job = await files.startSegment(file.job, segment);
    if (job !== undefined) await bring(job);
  }

  /** Goes on with a new file, which gets the content that was compared so far. */
  async #leaveExisting(file: PendingFile, upTo: number): Promise<void> {
    const { existing, entry } = file;
    if (existing === undefined) return;
    file.existing = undefined;
    try {
      file.job = this.#deps.files.startContinued(entry);
      await this.#deps.files.copy(file.job, existing, upTo);
    } finally {
      close(existing.fd);
    }
  }

  #end(file: PendingFile): void {
    if (file.over) return;
    try {
      file.continuation.end();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#lose(file, error.message);
      return;
    }
    file.over = true;
    if (file.existing !== undefined) this.#keep(file, file.existing);
    else if (file.job !== undefined && !isOver(file.job)) this.#deps.files.finishContinued(file.job);
  }

  #keep(file: PendingFile, existing: ExistingFile): void {
    file.existing = undefined;
    try {
      if (this.#deps.existing.keep(file.entry, existing)) return;
    } finally {
      close(existing.fd);
    }
    const why = "it was changed while it was compared with the backup";
    const what = toText(file.entry.path);
    this.#deps.report.lost("not-written", { doing: "restore", what, why, remedy: "run again", damage: false });
  }

  #lose(file: PendingFile, wrong: string): void {
    const { files, report } = this.#deps;
    const { existing, job } = file;
    file.over = true;
    file.existing = undefined;
    if (existing !== undefined) close(existing.fd);
    if (job !== undefined) files.giveUp(job);
    else report.done.files += 1;
    const why = `the manifest has its content in several entries, and they do not fit: ${wrong}`;
    const remedy = "restore it from another backup: `sysbackup list` shows them";
    report.lost("content-lost", { doing: "restore", what: toText(file.entry.path), why, remedy, damage: true });
  }
}
