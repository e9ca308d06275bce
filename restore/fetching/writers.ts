/**
 * Has files written by other threads, which decode, verify and write. This thread says what is written, and where, and counts it. What a
 * thread could not do is done again here, where it is found out why, and reported.
 */

import { SystemError } from "../../core/system/libc.ts";
import { descriptorLimit } from "../../core/system/threads/limits.ts";
import { threadEnded, Workers } from "../../core/system/threads/workers.ts";
import { isTracing, workOf } from "../../core/trace.ts";
import { isOver } from "../entries/job.ts";
import type { Report } from "../report/report.ts";
import { Obstacle } from "../target/obstacle.ts";
import { encodeTasks, type WriteAnswer, type WriteOrder } from "../writing/order.ts";
import type { Use } from "./plan.ts";
import { WriteTasks, type WriteTasksDeps } from "./write-tasks.ts";

export type WriterThreads = {
  readonly threads: number;
  /** Frames that are written without them before they are started: for a few files, that takes longer. */
  readonly framesBefore: number;
  /** Path of the module that runs in each thread. */
  readonly module: string;
};

export type WritersDeps = WriteTasksDeps & { readonly report: Report; readonly signal: AbortSignal };

/** More have nothing to do: the main thread cannot give so many orders. */
const mostThreads = 4;

/** Descriptors of folders, of files that are open, of orders and of connections. */
const descriptorsNeeded = 1_024;

/** Returns how many threads write on a machine, for a process that may have so many descriptors: a thread that finds none ends it. */
export function writersFor(cores: number, descriptors = descriptorLimit()): WriterThreads {
  return {
    threads: cores < 2 || descriptors < descriptorsNeeded ? 0 : Math.min(cores, mostThreads),
    framesBefore: 8,
    module: "restore/writing/worker.ts",
  };
}

const manyFiles = 4_096;

/** If so many tasks have failed, something is wrong with all, such as owners that cannot be set: no more are given. */
const mostUndone = 256;

/** Frames of sysbackup are smaller. There may be two copies of what a thread gets. */
const mostStored = 8 * 1024 * 1024;

export class Writers {
  readonly #deps: WritersDeps;
  readonly #workers: Workers<WriteOrder, WriteAnswer>;
  #framesBefore: number;
  #undone = 0;

  constructor({ threads, framesBefore, module }: WriterThreads, deps: WritersDeps) {
    this.#deps = deps;
    this.#framesBefore = framesBefore;
    this.#workers = new Workers({ count: threads, module, onEnd: (why) => tellEnd(deps.report, why) });
  }

  /** Starts the threads at once if so many files are to come that they pay: they are ready when the first part is read. */
  foresee(files: number): void {
    if (files < manyFiles) return;
    this.#framesBefore = 0;
    this.#workers.start();
  }

  /** Returns whether the next frame, of so many stored bytes, is to be written by `write`. */
  takesFrame(bytes: number): boolean {
    if (bytes > mostStored || this.#undone > mostUndone || !this.#workers.isUsable) return false;
    this.#framesBefore -= 1;
    return this.#framesBefore < 0;
  }

  /** Writes what a frame holds. Takes its stored bytes away. Returns what is not written. Throws the reason of an abort. */
  async write(uses: readonly Use[], stored: Uint8Array<ArrayBuffer>): Promise<Use[]> {
    const undone: Use[] = [];
    let next = 0;
    while (next < uses.length) {
      this.#deps.signal.throwIfAborted();
      using tasks = new WriteTasks(this.#deps);
      for (; next < uses.length && !tasks.isFull; next += 1) {
        const use = uses[next];
        if (use !== undefined && !isOver(use.job) && !isAdded(tasks, use)) undone.push(use);
      }
      if (tasks.uses.length === 0) continue;
      undone.push(...(await this.#carryOut(tasks, next < uses.length ? new Uint8Array(stored) : stored)));
    }
    this.#undone += undone.length;
    return undone;
  }

  /** Ends the threads. Call when nothing is being written. */
  close(): void {
    this.#workers.close();
  }

  async #carryOut(tasks: WriteTasks, stored: Uint8Array<ArrayBuffer>): Promise<Use[]> {
    const { files } = this.#deps;
    const order = { stored, tasks: encodeTasks(tasks.tasks), timed: isTracing() };
    const carryOut = () => this.#workers.carryOut(order, [stored.buffer]);
    const answer = await workOf("have a thread decode and write", carryOut, (it) =>
      it === threadEnded ? {} : { ...it.spent },
    );
    if (answer === threadEnded) {
      tasks.removeTemporaries();
      return tasks.uses;
    }
    const undone = new Set(answer.undone);
    for (const [index, { job, extent }] of tasks.uses.entries()) {
      if (undone.has(index)) continue;
      if (tasks.isWhole(index)) files.put(job);
      else files.wrote(job, extent.length);
    }
    return undone.size === 0 ? [] : tasks.uses.filter((_, index) => undone.has(index));
  }
}

function tellEnd(report: Report, why: string): void {
  const message = `a thread that writes files has ended: ${JSON.stringify(why)}; its files are written without it`;
  report.info("thread-ended", message);
}

/** Returns false if something in the target is in the way. */
function isAdded(tasks: WriteTasks, use: Use): boolean {
  try {
    tasks.add(use);
    return true;
  } catch (error) {
    if (error instanceof SystemError || error instanceof Obstacle) return false;
    throw error;
  }
}
