import { beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openRoot } from "../../../../core/system/files/confined.ts";
import { close } from "../../../../core/system/files/files.ts";
import { lstat } from "../../../../core/system/filesystem/stat.ts";
import {
  setMode,
  setModeOfHandle,
  setOwner,
  setOwnerOfHandle,
  setTimes,
  setTimesOfHandle,
} from "../../../../core/system/metadata/metadata.ts";
import { held, isRoot, pathIn, scratchFolder } from "../scratch.ts";

const scratch = scratchFolder();
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(scratch, "case-"));
  writeFileSync(join(folder, "file"), "");
  symlinkSync("file", join(folder, "link"));
});

/** Runs `action` with a descriptor of the folder. */
function inFolder(action: (fd: number) => void): void {
  const fd = openRoot(pathIn(folder));
  action(fd);
  close(fd);
}

/** Runs `action` with a descriptor of the file. */
function onFile(action: (fd: number) => void): void {
  const fd = openSync(join(folder, "file"), "r+");
  action(fd);
  close(fd);
}

const moments = [
  { seconds: 1_700_000_000, nanoseconds: 123_456_789 },
  { seconds: -1, nanoseconds: 999_999_999 },
  { seconds: -86_400, nanoseconds: 1 },
  { seconds: 0, nanoseconds: 0 },
  { seconds: 2 ** 32 + 5, nanoseconds: 500_000_000 },
];

describe("modification times", () => {
  test.each(moments)("$seconds s $nanoseconds ns comes back exactly, from a file, a folder and a link", (moment) => {
    const other = { seconds: 1000, nanoseconds: 7 };
    onFile((fd) => setTimes(fd, other));
    held(pathIn(folder, "link"), (handle) => setTimesOfHandle(handle, moment));
    expect(lstat(pathIn(folder, "link")).modified).toEqual(moment);
    expect(lstat(pathIn(folder, "file")).modified).toEqual(other);
    onFile((fd) => setTimes(fd, moment));
    expect(lstat(pathIn(folder, "file")).modified).toEqual(moment);
    inFolder((fd) => setTimes(fd, moment));
    expect(lstat(pathIn(folder)).modified).toEqual(moment);
  });

  test("setting modification times keeps the access time", () => {
    utimesSync(join(folder, "file"), 5, 6);
    onFile((fd) => setTimes(fd, { seconds: 9, nanoseconds: 0 }));
    expect(statSync(join(folder, "file"))).toMatchObject({ atimeMs: 5_000, mtimeMs: 9_000 });
  });
});

describe("modes", () => {
  test.each([0o000, 0o640, 0o4755, 0o2711, 0o1777, 0o7777])("%o comes back from a file and a folder", (mode) => {
    mkdirSync(join(folder, "sub"));
    const sub = openRoot(pathIn(folder, "sub"));
    setMode(sub, mode);
    close(sub);
    onFile((fd) => setMode(fd, mode));
    expect(lstat(pathIn(folder, "sub")).mode).toBe(mode);
    rmdirSync(join(folder, "sub"));
    expect(lstat(pathIn(folder, "file")).mode).toBe(mode);
  });

  test("modes of a fifo are set without opening it", () => {
    execFileSync("mkfifo", [join(folder, "fifo")]);
    held(pathIn(folder, "fifo"), (handle) => setModeOfHandle(handle, 0o621));
    expect(lstat(pathIn(folder, "fifo"))).toMatchObject({ type: "fifo", mode: 0o621 });
  });

  test("modes are those of the file that is held, whatever has its name by then", () => {
    execFileSync("mkfifo", [join(folder, "fifo")]);
    held(pathIn(folder, "fifo"), (handle) => {
      renameSync(join(folder, "fifo"), join(folder, "away"));
      renameSync(join(folder, "file"), join(folder, "fifo"));
      setModeOfHandle(handle, 0o621);
    });
    expect(lstat(pathIn(folder, "away")).mode).toBe(0o621);
    expect(lstat(pathIn(folder, "fifo"))).toMatchObject({ type: "file", mode: 0o644 });
  });
});

describe.skipIf(!isRoot)("owners", () => {
  test("the owner of an open file is set", () => {
    onFile((fd) => setOwner(fd, 12_345, 54_321));
    expect(lstat(pathIn(folder, "file"))).toMatchObject({ uid: 12_345, gid: 54_321 });
  });

  test("owners of a link are set without following it", () => {
    held(pathIn(folder, "link"), (handle) => setOwnerOfHandle(handle, 12_345, 4_294_967_294));
    expect(lstat(pathIn(folder, "link"))).toMatchObject({ uid: 12_345, gid: 4_294_967_294 });
    expect(lstat(pathIn(folder, "file"))).toMatchObject({ uid: 0, gid: 0 });
  });

  test("setting the owner removes setuid, so the mode is set after it", () => {
    onFile((fd) => {
      setMode(fd, 0o4755);
      setOwner(fd, 1, 1);
    });
    expect(lstat(pathIn(folder, "file")).mode).toBe(0o755);
  });
});
