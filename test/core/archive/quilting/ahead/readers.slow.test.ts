/** Threads that read files, with the real system: what they leave to the main thread, and how they end. */

import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FilledPiece } from "../../../../../core/archive/quilting/ahead/messages.ts";
import { PieceView } from "../../../../../core/archive/quilting/ahead/piece-view.ts";
import { Readers, threadsAllowed } from "../../../../../core/archive/quilting/ahead/readers.ts";
import { Failure } from "../../../../../core/failure.ts";
import { fstat } from "../../../../../core/system/filesystem/stat.ts";
import { O_PATH } from "../../../../../core/system/libc.ts";
import { openBeneath } from "../../../../support/descriptors.ts";
import { scratch } from "../../../../support/faults/scratch.ts";
import { mayMountForUser, usersFilesystem } from "../../../../support/users-filesystem.ts";
import { sha256 } from "../../backup.ts";
import { noise } from "../../noise.ts";

const mebibyte = 1024 ** 2;

function readersOf(threads: number, signal = new AbortController().signal) {
  return new Readers({ threads, signal });
}

function heldFile(path: string) {
  const handle = openSync(path, O_PATH);
  return { stat: fstat(handle), fd: handle, [Symbol.dispose]: () => closeSync(handle) };
}

async function untilOpen(folder: string, count: number): Promise<void> {
  for (const end = Date.now() + 20_000; openBeneath(folder).length !== count && Date.now() < end; ) await Bun.sleep(1);
  expect(openBeneath(folder).length).toBe(count);
}

/** Takes what there is of one file. Its bytes are copied, as the buffer goes back. */
async function contentOf(pieces: AsyncIterable<FilledPiece>) {
  const bytes: Buffer[] = [];
  let last: PieceView | undefined;
  for await (const piece of pieces) {
    last = new PieceView(piece);
    for (const chunk of last.partOf(0).chunks) {
      expect(sha256(chunk.bytes)).toBe(chunk.sha256);
      bytes.push(Buffer.from(chunk.bytes));
    }
  }
  return { bytes: Buffer.concat(bytes), attributes: last?.attributesOf(0) };
}

describe("threads that read files", () => {
  test("threads that read files give back what is in them, in pieces if they are large", async () => {
    await using place = await scratch();
    const readers = readersOf(2);
    for (const size of [0, 5, mebibyte, mebibyte + 1, 20 * mebibyte]) {
      const content = noise(size, size);
      writeFileSync(join(place.path, "file"), content);
      using file = heldFile(join(place.path, "file"));
      const read = await contentOf(readers.read([file]).pieces);
      expect(read.bytes.equals(content)).toBe(true);
      expect(read.attributes).toEqual({ xattrs: new Map() });
    }
    await readers.stop();
  });

  test("threads that read files leave what is locked by another program, small or large, to the main thread", async () => {
    await using place = await scratch();
    const readers = readersOf(2);
    for (const size of [5, 3 * mebibyte]) {
      const path = join(place.path, "file");
      writeFileSync(path, noise(size));
      const holder = spawn("sh", ["-c", `exec 9>>'${path}'; flock -x 9; echo held; exec sleep 60`]);
      await new Promise((resolve) => holder.stdout.once("data", resolve));
      using file = heldFile(path);
      expect(await contentOf(readers.read([file]).pieces)).toEqual({ bytes: Buffer.alloc(0), attributes: undefined });
      holder.kill();
    }
    await readers.stop();
  });

  test("threads that read files leave what has changed since it was held to the main thread", async () => {
    await using place = await scratch();
    const readers = readersOf(2);
    const path = join(place.path, "file");
    for (const after of ["longer than before", "short", "a change"]) {
      writeFileSync(path, "a chance");
      using file = heldFile(path);
      writeFileSync(path, after);
      expect((await contentOf(readers.read([file]).pieces)).attributes).toBeUndefined();
    }
    await readers.stop();
  });

  test("threads that read files hold no more buffers than there is room for", async () => {
    await using place = await scratch();
    writeFileSync(join(place.path, "file"), "content");
    using file = heldFile(join(place.path, "file"));
    const readers = readersOf(2);
    const started: AsyncGenerator<FilledPiece>[] = [];
    while (readers.hasRoom(false)) started.push(readers.read([file]).pieces);
    expect(started.length).toBe(5);
    for (const pieces of started) await contentOf(pieces);
    expect(readers.hasRoom(true)).toBe(true);
    await readers.stop();
  });

  test("threads that read files use the same few buffers for any number of large ones, read or not", async () => {
    await using place = await scratch();
    writeFileSync(join(place.path, "file"), noise(mebibyte + 1));
    using file = heldFile(join(place.path, "file"));
    const changed = { fd: file.fd, stat: { ...file.stat, size: 3 * mebibyte } };
    const readers = readersOf(3);
    const started: AsyncGenerator<FilledPiece>[] = [];
    const numbers = new Set<number>();
    const take = async () => {
      for await (const { buffer } of started.shift() ?? []) numbers.add(buffer.number);
    };
    for (let job = 0; job < 100; job += 1) {
      while (!readers.hasRoom(true)) await take();
      started.push(readers.read([job % 3 === 0 ? changed : file]).pieces);
    }
    while (started.length > 0) await take();
    expect(Math.max(...numbers)).toBeLessThan(6);
    await readers.stop();
  });

  test("a thread that fails ends all reading with a Failure, and nothing waits for it", async () => {
    await using place = await scratch();
    writeFileSync(join(place.path, "file"), noise(3 * mebibyte));
    using file = heldFile(join(place.path, "file"));
    const readers = readersOf(2);
    const others = contentOf(readers.read([file]).pieces).catch((error: unknown) => error);
    // A job without files is none that it knows.
    const failed = await contentOf(readers.read([]).pieces).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Failure);
    expect(failed).toMatchObject({ message: expect.stringContaining("set workers = 1 in [content]") });
    await others;
    await expect(contentOf(readers.read([file]).pieces)).rejects.toBeInstanceOf(Failure);
    await readers.stop();
  });

  test("an abort ends the wait for a thread at once", async () => {
    await using place = await scratch();
    writeFileSync(join(place.path, "file"), noise(40 * mebibyte));
    using file = heldFile(join(place.path, "file"));
    const controller = new AbortController();
    const readers = readersOf(2, controller.signal);
    const pieces = readers.read([file]).pieces;
    const first = pieces.next();
    controller.abort(new Error("stopped"));
    await expect(first).rejects.toThrow("stopped");
    await readers.stop();
  });

  test("threads that are stopped while they read many files have closed all of them", async () => {
    await using place = await scratch();
    const path = (number: number) => join(place.path, `${number}`);
    for (let number = 0; number < 64; number += 1) writeFileSync(path(number), noise(16_384, number));
    const held = Array.from({ length: 64 }, (_, number) => heldFile(path(number)));
    for (let round = 0; round < 20; round += 1) {
      const readers = readersOf(2);
      const started: AsyncGenerator<FilledPiece>[] = [];
      while (readers.hasRoom(false)) started.push(readers.read(held).pieces);
      await started[0]?.next();
      let isReleased = false;
      await readers.stop(() => {
        isReleased = true;
      });
      // A busy machine may start threads only after they were stopped.
      await untilOpen(place.path, held.length);
      for (const end = Date.now() + 20_000; !isReleased && Date.now() < end; ) await Bun.sleep(1);
      expect(isReleased).toBe(true);
    }
    for (const file of held) file[Symbol.dispose]();
  }, 60_000);

  test("threads that are stopped while large files wait for a buffer have closed them", async () => {
    await using place = await scratch();
    const path = join(place.path, "file");
    writeFileSync(path, noise(20 * mebibyte));
    using file = heldFile(path);
    const readers = readersOf(2);
    const all = [readers.read([file]).pieces, readers.read([file]).pieces, readers.read([file]).pieces];
    for (const pieces of all) await pieces.next();
    await untilOpen(place.path, 4);
    await readers.stop();
    await untilOpen(place.path, 1);
  });

  test("a thread that fails closes the large files that wait in it for a buffer", async () => {
    await using place = await scratch();
    const path = join(place.path, "file");
    writeFileSync(path, noise(20 * mebibyte));
    using file = heldFile(path);
    const readers = readersOf(1);
    const pieces = readers.read([file]).pieces;
    await pieces.next();
    await untilOpen(place.path, 2);
    // A job without files is none that it knows.
    await expect(readers.read([]).pieces.next()).rejects.toBeInstanceOf(Failure);
    await untilOpen(place.path, 1);
    await readers.stop();
  });

  test("threads that have read and ended leave no descriptor", async () => {
    await using place = await scratch();
    writeFileSync(join(place.path, "file"), "content");
    using file = heldFile(join(place.path, "file"));
    const before = openBeneath("/proc").length;
    const readers = readersOf(2);
    await Promise.all([readers.read([file]).pieces.next(), readers.read([file]).pieces.next()]);
    await readers.stop();
    await untilOpen("/proc", before);
  });

  test.skipIf(!mayMountForUser)("a file that was read, and whose closing fails, counts as read", async () => {
    await using place = await scratch();
    await using _ = await usersFilesystem(place.path, { files: true });
    using file = heldFile(join(place.path, "file"));
    const readers = readersOf(1);
    expect((await contentOf(readers.read([file]).pieces)).bytes.toString()).toBe("hello");
    await readers.stop();
  });

  test("there are as many threads as descriptors allow, and none if they are few", () => {
    expect(threadsAllowed(2, 1_024)).toBe(2);
    expect(threadsAllowed(2, 40)).toBe(0);
    expect(threadsAllowed(1, 1_024)).toBe(0);
    expect(threadsAllowed(16, 1_024)).toBe(2);
    expect(threadsAllowed(2, 959)).toBe(0);
    // Each has 2 batches of 64 files, and 16 that it reads; 3 batches and 480 others are there once.
    expect(threadsAllowed(32, 672 + 32 * 144 - 1)).toBe(31);
    expect(threadsAllowed(16, Number.POSITIVE_INFINITY)).toBe(16);
  });
});
