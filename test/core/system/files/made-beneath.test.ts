/** Files, links, nodes and folders that are made in an open folder. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  createFile,
  makeFolder,
  makeHardLink,
  makeLink,
  makeNode,
  removeFolder,
  truncate,
  writeAt,
} from "../../../../core/system/files/beneath.ts";
import { openFolder, openRoot } from "../../../../core/system/files/confined.ts";
import { close, readAt } from "../../../../core/system/files/files.ts";
import { fstat, lstat } from "../../../../core/system/filesystem/stat.ts";
import { bytes, held, isRoot, pathIn, scratchFolder } from "../scratch.ts";

const scratch = scratchFolder();

/** A fresh target to make things in. */
let target: string;
let root: number;
const roots: number[] = [];

beforeEach(() => {
  target = mkdtempSync(join(scratch, "case-"));
  root = openRoot(pathIn(target));
  roots.push(root);
});
afterAll(() => roots.forEach(close));

function withCode(code: string) {
  return expect.objectContaining({ name: "SystemError", code });
}

describe("files", () => {
  test("files are made empty with mode 0600, written anywhere, and cut", () => {
    const fd = createFile(root, bytes("new"));
    expect(fstat(fd)).toMatchObject({ mode: 0o600, size: 0 });
    writeAt(fd, Buffer.from("end"), 3 * 2 ** 30);
    writeAt(fd, new Uint8Array(), 0);
    writeAt(fd, Buffer.from("start").subarray(2), 0);
    expect(fstat(fd).size).toBe(3 * 2 ** 30 + 3);
    truncate(fd, 3);
    const back = new Uint8Array(4);
    expect(readAt(fd, back, 0, 4, 0)).toBe(3);
    expect(Buffer.from(back).toString()).toBe("art\0");
    truncate(fd, 5 * 2 ** 30);
    expect(fstat(fd).size).toBe(5 * 2 ** 30);
    close(fd);
  });

  test("files that exist are not made again", () => {
    writeFileSync(join(target, "there"), "kept");
    expect(() => createFile(root, bytes("there"))).toThrow(withCode("EEXIST"));
    expect(readFileSync(join(target, "there"), "utf8")).toBe("kept");
  });

  test("files get a second name in another folder", () => {
    mkdirSync(join(target, "sub"));
    writeFileSync(join(target, "one"), "");
    const sub = openFolder(root, bytes("sub"));
    held(pathIn(target, "one"), (handle) => makeHardLink(handle, sub, bytes("two")));
    close(sub);
    expect(lstatSync(join(target, "one")).ino).toBe(lstatSync(join(target, "sub/two")).ino);
  });

  test("files on a full disk end in ENOSPC", () => {
    const fd = openSync("/dev/full", "r+");
    expect(() => writeAt(fd, Buffer.from("x"), 0)).toThrow(withCode("ENOSPC"));
    close(fd);
  });
});

describe("other things", () => {
  test("a link keeps its target byte for byte, wherever that points", () => {
    const targets = ["/etc/passwd", "../../x", "ü\n", "x".repeat(4095)];
    targets.forEach((to, i) => {
      makeLink(root, bytes(`link-${i}`), bytes(to));
      expect(readlinkSync(join(target, `link-${i}`))).toBe(to);
    });
  });

  test("a fifo is made with mode 0600", () => {
    makeNode(root, bytes("fifo"), "fifo", 7, 7);
    expect(lstat(pathIn(target, "fifo"))).toMatchObject({ type: "fifo", mode: 0o600, major: 0, minor: 0 });
  });

  test.skipIf(!isRoot).each([
    ["character device", 1, 3],
    ["block device", 259, 70_000],
    ["character device", 4095, 2 ** 20 - 1],
  ] as const)("a %s %i:%i is made", (type, major, minor) => {
    makeNode(root, bytes("node"), type, major, minor);
    expect(lstat(pathIn(target, "node"))).toMatchObject({ type, major, minor, mode: 0o600 });
  });

  test.each([
    [4096, 0],
    [0, 2 ** 20],
    [-1, 0],
    [1.5, 0],
    [2 ** 32 + 1, 3],
  ])("a device %d:%d that Linux cannot have is refused", (major, minor) => {
    expect(() => makeNode(root, bytes("node"), "block device", major, minor)).toThrow(withCode("EINVAL"));
  });

  test("a folder is made and, when empty, removed", () => {
    makeFolder(root, bytes("sub"), 0o700);
    expect(lstat(pathIn(target, "sub"))).toMatchObject({ type: "folder", mode: 0o700 });
    writeFileSync(join(target, "sub/x"), "");
    expect(() => removeFolder(root, bytes("sub"))).toThrow(withCode("ENOTEMPTY"));
    rmSync(join(target, "sub/x"));
    removeFolder(root, bytes("sub"));
    expect(readdirSync(target)).toEqual([]);
  });
});
