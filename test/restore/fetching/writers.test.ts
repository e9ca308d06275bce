/** Files that are written by other threads. */

import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Extent } from "../../../core/format/entries/entry.ts";
import { fromText } from "../../../core/format/path.ts";
import { type WriterThreads, writersFor } from "../../../restore/fetching/writers.ts";
import { openBeneath } from "../../support/descriptors.ts";
import { describeTree } from "../../support/tree/describe.ts";
import { type Backup, Fixture, file, folder, type Item, link } from "../support.ts";

const KiB = 1024;
const threads = (count: number): WriterThreads => ({ ...writersFor(2), threads: count, framesBefore: 0 });

/** The same bytes for the same seed. */
function bytes(seed: string, length: number): Buffer {
  return Buffer.alloc(length, createHash("sha256").update(seed).digest());
}

const wrong = (extents: readonly Extent[]) => extents.map((extent) => ({ ...extent, sha256: "0".repeat(64) }));

const several = ["a", "b", "c"].map((seed) => bytes(seed, 64 * KiB));

/** Files of all kinds: more folders than an order has room for, files of several chunks and with holes, metadata of all sorts. */
function items(): Item[] {
  const numbers = Array.from({ length: 120 }, (_, number) => String(number).padStart(3, "0"));
  const small = numbers.flatMap((number) => [
    folder(`/many/${number}`),
    file(`/many/${number}/one`, `one ${number}`, { mode: 0o640 }),
    file(`/many/${number}/two`, `two ${number}`, { modified: { seconds: -1, nanoseconds: 5 } }),
  ]);
  return [
    folder("/"),
    folder("/many"),
    ...small,
    folder("/open", { mode: 0o777 }),
    file("/open/file", "in a folder that others may write to"),
    file("/empty", ""),
    file("/several", several),
    file("/again", several.slice(0, 1)),
    file("/and again", several.slice(0, 1)),
    file("/sparse", [bytes("data", 100 * KiB)], { holes: [[8 * KiB, 64 * KiB]] }),
    file("/names/first", "one of two names", { hardLink: "/names/first" }),
    file("/names/second", "one of two names", { hardLink: "/names/first" }),
    folder("/names"),
    file("/setuid", "#!/bin/true", { mode: 0o4755 }),
    file("/labelled", "with an attribute", { xattrs: new Map([[fromText("user.label"), Buffer.from("red")]]) }),
    file("/lost", "not what the manifest says", { forge: wrong }),
    link("/link", "several"),
  ];
}

describe("files that other threads write", () => {
  test.each([1, 3])(
    "what is restored, counted and reported is the same without threads and with %i",
    async (count) => {
      await using fixture = await Fixture.open();
      const backup = await fixture.backup(items(), { perFrame: 50 });
      const alone = await restored(fixture, backup, "alone", undefined);
      expect(alone.figures).toMatchObject({ files: 249, hardLinks: 1, errors: 1, damaged: 1 });
      expect(await restored(fixture, backup, "threads", threads(count))).toEqual(alone);
    },
    30_000,
  );

  test("files of threads that end are written all the same, and nothing else is left", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items(), { perFrame: 20 });
    const writers = { ...threads(2), module: "test/restore/ending-writer.ts" };
    const figures = await fixture.restore(backup, { writers });
    expect(figures).toMatchObject({ files: 249, hardLinks: 1, errors: 1, damaged: 1 });
    expect(fixture.notices.filter(({ code }) => code === "thread-ended").map(({ message }) => message)).toEqual([
      'a thread that writes files has ended: "this thread ends"; its files are written without it',
      'a thread that writes files has ended: "this thread ends"; its files are written without it',
    ]);
    const names = await readdir(fixture.target, { recursive: true });
    expect(names.filter((name) => name.includes(".sysbackup-"))).toEqual([]);
    expect(names.length).toBe(items().length - 2);
    expect(await readFile(fixture.at("/several"))).toEqual(Buffer.concat(several));
  }, 30_000);

  test("a process that may open few files has no threads that write", () => {
    expect(writersFor(2, 1_024).threads).toBe(2);
    expect(writersFor(2, 1_023).threads).toBe(0);
    expect(writersFor(1, 1_024).threads).toBe(0);
  });

  test("a restore with threads leaves no descriptor open", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items(), { perFrame: 20 });
    await fixture.restore(backup, { writers: threads(2) });
    expect(openBeneath(fixture.target)).toEqual([]);
  }, 30_000);
});

/** Restores into a new target with a folder that others can write to. Returns all that can be seen of that. */
async function restored(fixture: Fixture, backup: Backup, name: string, writers: WriterThreads | undefined) {
  const target = join(fixture.scratch.path, name);
  mkdirSync(join(target, "open"), { recursive: true });
  chmodSync(join(target, "open"), 0o777);
  fixture.notices.splice(0);
  const figures = await fixture.restore(backup, { target, writers });
  const found = await describeTree("/", { under: target });
  const tree = [...found.values()]
    // The target itself was there.
    .filter(({ path }) => path !== "/")
    .map(({ inode, ...rest }) => ({ ...rest, isLinked: inode !== undefined }))
    // Frames side by side are written in any order.
    .sort((one, other) => (one.path < other.path ? -1 : 1));
  return { figures, tree, notices: [...fixture.notices] };
}
