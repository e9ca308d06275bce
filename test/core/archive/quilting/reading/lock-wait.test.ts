import { describe, expect, test } from "bun:test";
import { type LockAttempt, LockWait } from "../../../../../core/archive/quilting/reading/lock-wait.ts";
import { fromText } from "../../../../../core/format/path.ts";
import type { Stat } from "../../../../../core/system/filesystem/stat.ts";
import { lstatAt } from "../../../../../core/system/filesystem/stat.ts";
import { AT_FDCWD } from "../../../../../core/system/libc.ts";

const found = lstatAt(AT_FDCWD, fromText("/etc/passwd"));
if (found === undefined) throw new Error("there is no /etc/passwd");
const someStat: Stat = found;

type File = { readonly name: string; readonly stat: Stat };

/** Files with these inodes, the locks that are held of them, and what happened. */
function waiting(budget: number, isFree: (name: string, slept: number) => LockAttempt) {
  const taken: string[] = [];
  const late: string[] = [];
  let slept = 0;
  const wait = new LockWait<File>({
    tryToLock: ({ name }) => isFree(name, slept),
    take: async ({ name }, { locked, waited }) => {
      taken.push(`${name} ${locked ? "locked" : "unlocked"}`);
      if (waited) late.push(name);
    },
    budget: { left: budget },
    sleep: async (milliseconds) => {
      slept += milliseconds;
    },
  });
  return { wait, taken, late, slept: () => slept };
}

let inodes = 1_000n;

function file(name: string, inode?: bigint): File {
  inodes += 1n;
  return { name, stat: { ...someStat, inode: inode ?? inodes } };
}

describe("files that other programs have locked", () => {
  test("files that no program has locked are not waited for", async () => {
    const { wait, taken, slept } = waiting(1_000, () => "locked");
    await wait.takeOrWait(file("a"));
    await wait.takeAll();
    expect(taken).toEqual(["a locked"]);
    expect(slept()).toBe(0);
  });

  test("a locked file is taken after the others, as soon as it is free", async () => {
    const { wait, taken, late, slept } = waiting(1_000, (name, now) => (name === "a" && now < 300 ? "busy" : "locked"));
    for (const name of ["a", "b", "c"]) await wait.takeOrWait(file(name));
    expect(taken).toEqual(["b locked", "c locked"]);
    await wait.takeAll();
    expect(taken).toEqual(["b locked", "c locked", "a locked"]);
    expect(late).toEqual(["a"]);
    expect(slept()).toBeLessThan(500);
  });

  test("20,000 locked files cost one time-out together, to the millisecond", async () => {
    const { wait, taken, slept } = waiting(1_234, () => "busy");
    for (let number = 0; number < 20_000; number += 1) await wait.takeOrWait(file(String(number)));
    await wait.takeAll();
    expect(slept()).toBe(1_234);
    expect(taken).toHaveLength(20_000);
    expect(taken.every((one) => one.endsWith("unlocked"))).toBe(true);
  });

  test("a locked file is tried once without time to wait", async () => {
    const { wait, taken, slept } = waiting(0, () => "busy");
    await wait.takeOrWait(file("a"));
    await wait.takeAll();
    expect(taken).toEqual(["a unlocked"]);
    expect(slept()).toBe(0);
  });

  test("the names of one locked file are taken in their order", async () => {
    let tries = 0;
    const { wait, taken } = waiting(1_000, () => (++tries === 1 ? "busy" : "locked"));
    for (const name of ["a", "b", "c"]) await wait.takeOrWait(file(name, 7n));
    expect(taken).toEqual([]);
    await wait.takeAll();
    expect(taken).toEqual(["a locked", "b locked", "c locked"]);
  });

  test("a locked file that cannot be read any more is forgotten", async () => {
    let tries = 0;
    const { wait, taken } = waiting(1_000, () => (++tries === 1 ? "busy" : "gone"));
    await wait.takeOrWait(file("a"));
    await wait.takeAll();
    expect(taken).toEqual([]);
    expect(wait.size).toBe(0);
  });

  test("locked files are handed back if the run ends before", async () => {
    const { wait } = waiting(1_000, () => "busy");
    await wait.takeOrWait(file("a"));
    expect(wait.abandon().map(({ name }) => name)).toEqual(["a"]);
  });
});
