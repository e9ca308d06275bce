/** Tasks of one order to the threads that write, with descriptors of their own: those of folders and files here may close meanwhile. */
import { type ByteString, baseName, parentOf } from "../../core/format/path.ts";
import { remove } from "../../core/system/files/beneath.ts";
import { close, duplicate } from "../../core/system/files/files.ts";
import type { Files } from "../entries/files.ts";
import { placed } from "../entries/holes.ts";
import type { Job } from "../entries/job.ts";
import { isLarge } from "../entries/large-files.ts";
import type { Metadata } from "../entries/metadata.ts";
import { unlessRefused } from "../target/refused.ts";
import type { Target } from "../target/target.ts";
import type { OpenPiece, PieceWrite, WholeFile, WriteTask } from "../writing/order.ts";
import type { Use } from "./plan.ts";

export type WriteTasksDeps = { readonly target: Target; readonly metadata: Metadata; readonly files: Files };

/** Descriptors of a folder, and of where its files are made. */
type FolderDescriptors = { readonly folder: number; readonly place: number };

/** Bound on descriptors. Several orders are under way at a time, and the usual limit of a process is 1,024. */
const mostDescriptors = 48;
/** Bounds on what an order takes to carry out, as an abort waits for that. An order more means that the frame is decoded again. */
const mostTasks = 2048;
const mostBytes = 32 * 1024 * 1024;

export class WriteTasks implements Disposable {
  readonly uses: Use[] = [];
  readonly tasks: WriteTask[] = [];
  readonly #deps: WriteTasksDeps;
  readonly #folders = new Map<ByteString, FolderDescriptors>();
  readonly #descriptors: number[] = [];
  #bytes = 0;

  constructor(deps: WriteTasksDeps) {
    this.#deps = deps;
  }

  get isFull(): boolean {
    return this.#descriptors.length >= mostDescriptors || this.tasks.length >= mostTasks || this.#bytes >= mostBytes;
  }

  /** Adds a task for a use. Throws an error of the target if that cannot be written now. Does nothing for a file that cannot be made. */
  add(use: Use): void {
    const task = this.#wholeFile(use) ?? this.#piece(use);
    if (task === undefined) return;
    this.uses.push(use);
    this.tasks.push(task);
    this.#bytes += task.length;
  }

  isWhole(index: number): boolean {
    const task = this.tasks[index];
    return task !== undefined && "place" in task;
  }

  /** Removes what a thread that has ended may have left. */
  removeTemporaries(): void {
    for (const task of this.tasks) if ("place" in task) unlessRefused(() => remove(task.place, task.temporary));
  }

  /** Closes all descriptors. Call when no thread uses them any more. */
  [Symbol.dispose](): void {
    for (const fd of this.#descriptors.splice(0)) close(fd);
  }

  #wholeFile({ job, extent }: Use): WholeFile | undefined {
    const { entry } = job;
    const plain = isWhole(job) ? this.#deps.metadata.plain(entry) : undefined;
    if (plain === undefined) return undefined;
    const { offset, length, sha256 } = extent;
    const temporary = this.#deps.target.names.next();
    const { folder, place } = this.#foldersOf(parentOf(entry.path));
    const { uid, gid, mode, modified } = plain;
    // Each field by its name: a spread takes many times as long, and there is a task for each file.
    return { offset, length, sha256, folder, place, temporary, name: baseName(entry.path), uid, gid, mode, modified };
  }

  #piece({ job, extent, position }: Use): OpenPiece | undefined {
    const opened = this.#deps.files.opened(job);
    if (opened === undefined) return undefined;
    const { offset, length, sha256 } = extent;
    return { offset, length, sha256, fd: this.#own(opened), writes: writesOf(job, position, length) };
  }

  #foldersOf(path: ByteString): FolderDescriptors {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const { target } = this.#deps;
    const { fd, isPrivate } = target.folder(path);
    const folder = this.#own(fd);
    const folders = { folder, place: isPrivate ? folder : this.#own(target.workplace(path)) };
    this.#folders.set(path, folders);
    return folders;
  }

  #own(fd: number): number {
    const own = duplicate(fd);
    this.#descriptors.push(own);
    return own;
  }
}

/** Returns whether the file is written by one use, and none of it is there. */
function isWhole({ entry, content, of, open, runs }: Job): boolean {
  const isOne = content.extents.length === 1 && of === undefined && open === undefined && runs === undefined;
  return isOne && !isLarge(entry);
}

function writesOf({ runs }: Job, position: number, length: number): PieceWrite[] {
  if (runs === undefined) return [{ from: 0, length, at: position }];
  return [...placed(runs, position, length)].map((run) => ({
    from: run.data - position,
    length: run.length,
    at: run.file,
  }));
}
