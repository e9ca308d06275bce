/** Carries out an order: verifies and writes content. Whatever fails is left to who gave the order, who finds out why, and reports it. */

import { decodeFrameHere } from "../../core/format/codecs/frame.ts";
import { FormatError } from "../../core/format/error.ts";
import { sha256 } from "../../core/format/sha256.ts";
import { createFile, remove, rename, writeAt } from "../../core/system/files/beneath.ts";
import { close } from "../../core/system/files/files.ts";
import { SystemError } from "../../core/system/libc.ts";
import { setMode, setOwner, setTimes } from "../../core/system/metadata/metadata.ts";
import { release } from "../../core/system/threads/garbage.ts";
import { threadTime } from "../../core/system/threads/thread-time.ts";
import { Laps } from "./laps.ts";
import {
  decodeTasks,
  type ExpectedSlice,
  type WholeFile,
  type WriteAnswer,
  type WriteOrder,
  type WriteTask,
} from "./order.ts";

export function writeOrder({ stored, tasks: text, timed }: WriteOrder): WriteAnswer {
  const laps = timed ? new Laps(threadTime) : undefined;
  const tasks = decodeTasks(text);
  laps?.end("read");
  try {
    const content = decodeFrameHere(stored);
    laps?.end("decode");
    const undone = undoneOf(tasks, content, laps);
    release(content);
    return { undone, spent: laps?.spent };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { undone: [...tasks.keys()] };
  } finally {
    release(stored);
  }
}

function undoneOf(tasks: readonly WriteTask[], content: Uint8Array, laps: Laps | undefined): number[] {
  const undone: number[] = [];
  let verified: ExpectedSlice | undefined;
  for (const [index, task] of tasks.entries()) {
    const bytes = content.subarray(task.offset, task.offset + task.length);
    const isRight = isSame(verified, task) || (bytes.length === task.length && sha256(bytes) === task.sha256);
    if (isRight) verified = task;
    laps?.end("verify");
    if (!isRight || !isDone(task, bytes)) undone.push(index);
    laps?.end("write");
  }
  return undone;
}

function isSame(one: ExpectedSlice | undefined, other: ExpectedSlice): boolean {
  return one?.offset === other.offset && one.length === other.length && one.sha256 === other.sha256;
}

function isDone(task: WriteTask, bytes: Uint8Array): boolean {
  try {
    if ("fd" in task) {
      for (const { from, length, at } of task.writes) writeAt(task.fd, bytes.subarray(from, from + length), at);
    } else writeWhole(task, bytes);
    return true;
  } catch (error) {
    if (error instanceof SystemError) return false;
    throw error;
  }
}

/** The calls of `tar x` for a file, and the rename: so it appears whole or not at all. The owner comes before the mode. */
function writeWhole(file: WholeFile, bytes: Uint8Array): void {
  const { place, temporary, folder, name, uid, gid, mode, modified } = file;
  const fd = createFile(place, temporary);
  try {
    writeAt(fd, bytes, 0);
    setOwner(fd, uid, gid);
    setMode(fd, mode);
    setTimes(fd, modified);
    rename(place, temporary, folder, name);
  } catch (error) {
    removeAgain(place, temporary);
    throw error;
  } finally {
    close(fd);
  }
}

function removeAgain(place: number, temporary: WholeFile["temporary"]): void {
  try {
    remove(place, temporary);
  } catch (error) {
    // The next restore removes a leftover.
    if (!(error instanceof SystemError)) throw error;
  }
}
