import { afterEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { openSync, statSync, symlinkSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { close, dataRegions, readAt, tryReadLock, willNeed } from "../../../../core/system/files/files.ts";
import { lockExclusively } from "../../../../core/system/files/lock.ts";
import { python3 } from "../../../support/python.ts";
import { holding, pathIn, scratchFolder } from "../scratch.ts";

const folder = scratchFolder();
const path = join(folder, "file");
writeFileSync(path, "0123456789");

const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) close(fd);
});

function open(name: string): number {
  const fd = openSync(join(folder, name), "r");
  opened.push(fd);
  return fd;
}

describe("readAt", () => {
  test("readAt reads bytes from an offset of the file to an offset of the buffer", () => {
    const buffer = new Uint8Array(6).fill(0x2e);
    expect(readAt(open("file"), buffer, 2, 3, 4)).toBe(3);
    expect(Buffer.from(buffer).toString()).toBe("..456.");
  });

  test("readAt reads less at the end, and 0 beyond it", () => {
    const fd = open("file");
    willNeed(fd);
    expect(readAt(fd, new Uint8Array(10), 0, 10, 8)).toBe(2);
    expect(readAt(fd, new Uint8Array(10), 0, 10, 10)).toBe(0);
  });

  test("readAt reads nothing into an empty buffer", () => {
    expect(readAt(open("file"), new Uint8Array(4), 4, 0, 0)).toBe(0);
  });

  test("readAt refuses to write outside the buffer", () => {
    const fd = open("file");
    expect(() => readAt(fd, new Uint8Array(4), 2, 3, 0)).toThrow(RangeError);
    expect(() => readAt(fd, new Uint8Array(4), -1, 1, 0)).toThrow(RangeError);
  });

  test("readAt reads beyond 4 GiB", () => {
    truncateSync(join(folder, "file"), 10);
    const sparse = openSync(join(folder, "sparse"), "w+");
    opened.push(sparse);
    writeSync(sparse, "far", 5 * 2 ** 30);
    const buffer = new Uint8Array(3);
    readAt(sparse, buffer, 0, 3, 5 * 2 ** 30);
    expect(Buffer.from(buffer).toString()).toBe("far");
  });
});

describe("dataRegions", () => {
  const block = 64 * 1024;

  function regions(name: string, size: number, ...dataAt: number[]) {
    const fd = openSync(join(folder, name), "w+");
    opened.push(fd);
    truncateSync(join(folder, name), size);
    for (const at of dataAt) writeSync(fd, Buffer.alloc(block, 1), 0, block, at);
    return [...dataRegions(fd, size)];
  }

  test("a file of data is one region", () => {
    expect(regions("data", block, 0)).toEqual([[0, block]]);
  });

  test("an empty file has no data region", () => {
    expect(regions("empty", 0)).toEqual([]);
  });

  test("a file that is one hole has no data region", () => {
    expect(regions("hole", 10 * block)).toEqual([]);
  });

  test("holes before, between and after are left out", () => {
    expect(regions("mixed", 12 * block, 2 * block, 8 * block)).toEqual([
      [2 * block, block],
      [8 * block, block],
    ]);
  });

  test("data regions stop at the given size", () => {
    const fd = openSync(join(folder, "data"), "r");
    opened.push(fd);
    expect([...dataRegions(fd, 100)]).toEqual([[0, 100]]);
  });

  test("a filesystem that does not report holes has only data", () => {
    const fd = openSync("/proc/self/status", "r");
    opened.push(fd);
    expect([...dataRegions(fd, 100)]).toEqual([[0, 100]]);
  });
});

const lockers = {
  flock: "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.flock(f, fcntl.LOCK_EX)",
  fcntl: "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.lockf(f, fcntl.LOCK_EX)",
  sharedFlock: "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.flock(f, fcntl.LOCK_SH)",
  sharedFcntl: "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.lockf(f, fcntl.LOCK_SH)",
};
const andWait = "; print('ready', flush=True); sys.stdin.read()";

/** The results of another process that tries to take both exclusive locks without waiting. */
function canOthersLock(): boolean {
  const script =
    "import fcntl,sys; f=open(sys.argv[1],'r+')\ntry:\n fcntl.flock(f, 6); fcntl.lockf(f, 6); print('yes')\nexcept OSError: print('no')";
  return execFileSync(python3, ["-c", script, path]).toString() === "yes\n";
}

describe("a read lock", () => {
  test("a read lock keeps writers out until the file is closed", () => {
    const fd = openSync(path, "r");
    expect(tryReadLock(fd)).toBe(true);
    expect(canOthersLock()).toBe(false);
    close(fd);
    expect(canOthersLock()).toBe(true);
  });

  test.each(["flock", "fcntl"] as const)("a read lock is refused while a writer holds %s", async (kind) => {
    const release = await holding(lockers[kind] + andWait, path);
    const fd = open("file");
    expect(tryReadLock(fd)).toBe(false);
    await release();
    expect(tryReadLock(fd)).toBe(true);
  });

  test.each(["sharedFlock", "sharedFcntl"] as const)("a read lock is shared with a holder of %s", async (kind) => {
    const release = await holding(lockers[kind] + andWait, path);
    expect(tryReadLock(open("file"))).toBe(true);
    await release();
  });

  test("a read lock that is refused in one kind is not kept in the other", async () => {
    const release = await holding(lockers.fcntl + andWait, path);
    expect(tryReadLock(open("file"))).toBe(false);
    const script = "import fcntl,sys; fcntl.flock(open(sys.argv[1]), 6)";
    expect(() => execFileSync(python3, ["-c", script, path])).not.toThrow();
    await release();
  });
});

describe("the run lock", () => {
  const lock = join(folder, "run.lock");

  test("the run lock is made with mode 0600, held by one, and free again after release", async () => {
    const first = await lockExclusively(pathIn(lock));
    expect(first).toBeDefined();
    expect(statSync(lock).mode & 0o777).toBe(0o600);
    expect(await lockExclusively(pathIn(lock))).toBeUndefined();
    first?.release();
    first?.release();
    const second = await lockExclusively(pathIn(lock));
    expect(second).toBeDefined();
    second?.release();
  });

  test("the run lock of another process is respected, and ends with it", async () => {
    const release = await holding(lockers.flock + andWait, lock);
    expect(await lockExclusively(pathIn(lock))).toBeUndefined();
    await release();
    const mine = await lockExclusively(pathIn(lock));
    expect(mine).toBeDefined();
    mine?.release();
  });

  test("the run lock is not taken through a link", async () => {
    symlinkSync(lock, join(folder, "lock-link"));
    await expect(lockExclusively(pathIn(folder, "lock-link"))).rejects.toThrow(/symbolic links/);
  });

  test("a run lock in a missing folder names it", async () => {
    await expect(lockExclusively(pathIn(folder, "absent", "lock"))).rejects.toThrow(/open ".*absent\/lock": no such/);
  });
});
