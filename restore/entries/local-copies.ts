/**
 * Content that already lies on this machine, in a folder that is laid out as the target. Anybody may have put anything there, and may
 * change it at any time: so names and times say nothing, and what counts is the digest of our own copy.
 */

import { exitStatus, Failure } from "../../core/failure.ts";
import { fromArgument } from "../../core/format/argument.ts";
import type { Stretch } from "../../core/format/entries/entry.ts";
import { type ByteString, baseName, parentOf } from "../../core/format/path.ts";
import type { Pauses } from "../../core/pauses.ts";
import { writeAt } from "../../core/system/files/beneath.ts";
import { cloneRange } from "../../core/system/files/clone.ts";
import { close, readAt } from "../../core/system/files/files.ts";
import { openHandle, openHandleToRead } from "../../core/system/files/handle.ts";
import { openThroughOwnLinks } from "../../core/system/files/own-links.ts";
import { fstat } from "../../core/system/filesystem/stat.ts";
import { SystemError } from "../../core/system/libc.ts";
import { Obstacle } from "../target/obstacle.ts";
import { UsersMounts } from "../target/users-mounts.ts";
import { extentsIn } from "./compare.ts";
import { type DataRun, dataRunsOf, placed } from "./holes.ts";

/** Filesystems share whole blocks: of 4 KiB, or 64 KiB on some machines. */
const block = 64 * 1024;
const copiedAtOnce = 1024 * 1024;

export class LocalCopies implements Disposable {
  readonly #root: number;
  readonly #pauses: Pauses;
  readonly #mounts = new UsersMounts();

  /** Throws a Failure (exit 2) if the folder cannot be used. */
  constructor(path: string, pauses: Pauses) {
    this.#pauses = pauses;
    try {
      this.#root = openThroughOwnLinks(fromArgument(path));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const remedy = "give a folder that is laid out as the target, such as an older copy";
      const why = error.reason;
      throw new Failure({ doing: "take content from", what: path, why, remedy, exit: exitStatus.usage, cause: error });
    }
  }

  /**
   * Brings what the local file of that path seems to have of a stretch into a file of ours. Returns whether anything was brought: the
   * caller verifies it. `only`: indices of extents that are wanted.
   */
  async bring(path: ByteString, stretch: Stretch, only: ReadonlySet<number>, open: () => number): Promise<boolean> {
    const source = this.#open(path);
    if (source === undefined) return false;
    try {
      const there = await extentsIn(source, stretch, this.#pauses);
      const wanted = [...there].filter((index) => only.has(index));
      if (wanted.length === 0) return false;
      const runs = dataRunsOf(stretch);
      const isAll = wanted.length === stretch.extents.length;
      const pieces = isAll ? runs : piecesOf(stretch, runs, new Set(wanted));
      const target = open();
      for (const { file, length } of pieces) await this.#bringRange(source, target, file, length);
      return true;
    } catch (error) {
      // What is wrong with the target shows when it is written to.
      if (error instanceof SystemError) return false;
      throw error;
    } finally {
      close(source);
    }
  }

  [Symbol.dispose](): void {
    close(this.#root);
  }

  /** Opens a regular file, by a descriptor of its folder. Anything else is not even opened: a fifo would be set going. */
  #open(path: ByteString): number | undefined {
    try {
      const { fd: folder } = this.#mounts.open(this.#root, parentOf(path).slice(1) as ByteString, "pass");
      try {
        const handle = openHandle(folder, baseName(path));
        try {
          const found = fstat(handle);
          if (found.type !== "file") return undefined;
          this.#mounts.refuse(handle, found);
          return openHandleToRead(handle);
        } finally {
          close(handle);
        }
      } finally {
        close(folder);
      }
    } catch (error) {
      if (error instanceof SystemError || error instanceof Obstacle) return undefined;
      throw error;
    }
  }

  async #bringRange(source: number, target: number, offset: number, length: number): Promise<void> {
    const end = offset + length;
    const isEnd = end === fstat(source).size;
    const shared = offset % block !== 0 ? 0 : isEnd ? length : length - (length % block);
    const isShared = shared > 0 && cloneRange(source, target, offset, shared);
    await this.#copy(source, target, isShared ? offset + shared : offset, end);
  }

  async #copy(source: number, target: number, start: number, end: number): Promise<void> {
    for (let at = start; at < end; ) {
      const read = readAt(source, buffer, 0, Math.min(copiedAtOnce, end - at), at);
      // It is shorter than it was.
      if (read === 0) return;
      writeAt(target, buffer.subarray(0, read), at);
      at += read;
      if (this.#pauses.due(read)) await this.#pauses.take();
    }
  }
}

const buffer = Buffer.allocUnsafeSlow(copiedAtOnce);

function* piecesOf(stretch: Stretch, runs: readonly DataRun[], wanted: ReadonlySet<number>): Generator<DataRun> {
  let data = 0;
  for (const [index, { length }] of stretch.extents.entries()) {
    if (wanted.has(index)) yield* placed(runs, data, length);
    data += length;
  }
}
