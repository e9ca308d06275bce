import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { ByteString } from "../../../../core/format/path.ts";
import {
  createFile,
  makeFolder,
  makeHardLink,
  makeLink,
  makeNode,
  openFileAt,
  remove,
  removeFolder,
  rename,
  writeAt,
} from "../../../../core/system/files/beneath.ts";
import { openByStep, openFolder, openRoot } from "../../../../core/system/files/confined.ts";
import { close } from "../../../../core/system/files/files.ts";
import { fstat, lstat } from "../../../../core/system/filesystem/stat.ts";
import { isSystemError, SystemError } from "../../../../core/system/libc.ts";
import { setModeOfHandle } from "../../../../core/system/metadata/metadata.ts";
import { openBeneath } from "../../../support/descriptors.ts";
import { python3 } from "../../../support/python.ts";
import { canAttack, exchanging } from "../../archive/quilting/attacker.ts";
import { bytes, held, pathIn, scratchFolder } from "../scratch.ts";

const scratch = scratchFolder();

/** A fresh target to restore to, and beside it what must never change. */
let target: string;
let outside: string;
let root: number;
const roots: number[] = [];

beforeEach(() => {
  const folder = mkdtempSync(join(scratch, "case-"));
  target = join(folder, "target");
  outside = join(folder, "outside");
  mkdirSync(target);
  mkdirSync(outside);
  writeFileSync(join(outside, "file"), "mine");
  root = openRoot(pathIn(target));
  roots.push(root);
});
afterAll(() => roots.forEach(close));

function expectOutsideUnchanged(): void {
  expect(readdirSync(outside)).toEqual(["file"]);
  expect(readFileSync(join(outside, "file"), "utf8")).toBe("mine");
}

function withCode(code: string) {
  return expect.objectContaining({ name: "SystemError", code });
}

/** Writes as a restore does: opens the folder, makes a file with content, closes both. */
function restoreFile(folderPath: string, name: string, open: typeof openFolder = openFolder): void {
  const folder = open(root, bytes(folderPath));
  try {
    const fd = createFile(folder, bytes(name));
    writeAt(fd, Buffer.from("theirs"), 0);
    close(fd);
  } finally {
    close(folder);
  }
}

function toPass(open: typeof openFolder): typeof openFolder {
  return (root, path) => open(root, path, "pass");
}

// Kernels without openat2 get the second way; both must refuse the same.
describe.each([
  ["by openat2", openFolder],
  ["by single steps", openByStep],
  ["by openat2, only to pass through it", toPass(openFolder)],
  ["by single steps, only to pass through it", toPass(openByStep)],
])("a folder opened %s", (_, open) => {
  test("a folder is found at any depth, and a file is made in it", () => {
    mkdirSync(join(target, "a/b/c"), { recursive: true });
    restoreFile("a/b/c", "file", open);
    expect(readFileSync(join(target, "a/b/c/file"), "utf8")).toBe("theirs");
  });

  test("a folder through a parent swapped for a link is refused, one through a real parent is not", () => {
    mkdirSync(join(target, "parent"));
    restoreFile("parent", "file", open);
    renameSync(join(target, "parent"), join(target, "moved"));
    symlinkSync(outside, join(target, "parent"));
    expect(() => restoreFile("parent", "file2", open)).toThrow(withCode("ELOOP"));
    expect(readFileSync(join(target, "moved/file"), "utf8")).toBe("theirs");
    expectOutsideUnchanged();
  });

  test("a folder through a link in the middle is refused", () => {
    mkdirSync(join(outside, "../elsewhere/sub"), { recursive: true });
    symlinkSync(join(outside, "../elsewhere"), join(target, "middle"));
    expect(() => restoreFile("middle/sub", "file", open)).toThrow(withCode("ELOOP"));
    expect(readdirSync(join(outside, "../elsewhere/sub"))).toEqual([]);
  });

  test("a folder through a link that stays inside is refused too", () => {
    mkdirSync(join(target, "real"));
    symlinkSync("real", join(target, "link"));
    expect(() => restoreFile("link", "file", open)).toThrow(withCode("ELOOP"));
    expect(readdirSync(join(target, "real"))).toEqual([]);
  });

  test("a folder that is a file is refused", () => {
    writeFileSync(join(target, "file"), "");
    expect(() => restoreFile("file", "x", open)).toThrow(withCode("ENOTDIR"));
  });

  test("a folder that is missing is refused", () => {
    expect(() => restoreFile("absent", "x", open)).toThrow(withCode("ENOENT"));
  });

  test.skipIf(!canAttack)(
    "a folder that changes place with a link over and over is never what the link leads to",
    async () => {
      for (const path of ["parent/sub", "../outside/sub"]) mkdirSync(join(target, path), { recursive: true });
      symlinkSync(outside, join(target, "link"));
      chmodSync(target, 0o777);
      const { inode } = lstat(pathIn(target, "parent/sub"));
      await using _ = await exchanging(join(target, "parent"), join(target, "link"));
      const seen = new Set<string | bigint>();
      for (let tries = 0; tries < 20_000; tries += 1) {
        try {
          const fd = open(root, bytes("parent/sub"));
          seen.add(fstat(fd).inode);
          close(fd);
        } catch (error) {
          seen.add(error instanceof SystemError ? error.code : "?");
        }
      }
      // Single steps may find a folder again when they ask what refused them.
      seen.delete("ENOTDIR");
      expect(seen).toEqual(new Set([inode, "ELOOP"]));
    },
  );

  test("swapped for a link after it was opened stays what it was", () => {
    mkdirSync(join(target, "held"));
    const folder = open(root, bytes("held"));
    renameSync(join(target, "held"), join(target, "moved"));
    symlinkSync(outside, join(target, "held"));
    close(createFile(folder, bytes("file2")));
    close(folder);
    expect(existsSync(join(target, "moved/file2"))).toBe(true);
    expectOutsideUnchanged();
  });
});

describe("a folder path", () => {
  test.each(["..", "../outside", "a/../../outside", "a/..", ".", "./a", "/etc", "a//b", "a/", "/"])(
    "%p is refused, whether it would lead out or not",
    (path) => {
      mkdirSync(join(target, "a"));
      expect(() => openFolder(root, bytes(path))).toThrow(withCode("EINVAL"));
    },
  );

  test("a folder path with a NUL, or with a character that would become a slash, is refused", () => {
    mkdirSync(join(target, "a"));
    expect(() => openFolder(root, bytes("a\0b"))).toThrow(withCode("EINVAL"));
    expect(() => openFolder(root, ".\u012e\u012foutside" as ByteString)).toThrow(withCode("EINVAL"));
  });

  test("a folder path that is empty is the root itself", () => {
    const folder = openFolder(root, bytes(""));
    expect(fstat(folder).inode).toBe(lstat(pathIn(target)).inode);
    close(folder);
  });

  test("a folder path through a magic link is refused, a folder of that name is not", () => {
    const proc = openRoot(bytes("/proc/self"));
    expect(() => openFolder(proc, bytes("cwd"))).toThrow(withCode("ELOOP"));
    expect(() => openFolder(proc, bytes(`fd/${root}`))).toThrow(withCode("ELOOP"));
    close(openFolder(proc, bytes("fd")));
    close(proc);
  });

  test("a folder path may be far longer than PATH_MAX", () => {
    const name = "n".repeat(200);
    let folder = openFolder(root, bytes(""));
    for (let depth = 0; depth < 50; depth++) {
      makeFolder(folder, bytes(name), 0o700);
      const next = openFolder(folder, bytes(name));
      close(folder);
      folder = next;
    }
    const deepest = openFolder(root, bytes(Array(50).fill(name).join("/")));
    expect(fstat(deepest).inode).toBe(fstat(folder).inode);
    close(folder);
    close(deepest);
    rmSync(target, { recursive: true });
  });

  test("a folder path that cannot be opened leaves no descriptor open", () => {
    mkdirSync(join(target, "a"));
    const before = openBeneath(target);
    for (let i = 0; i < 50; i++) {
      expect(() => openFolder(root, bytes("a/absent"))).toThrow();
      expect(() => openByStep(root, bytes("a/absent"))).toThrow();
    }
    expect(openBeneath(target)).toEqual(before);
  });
});

test("the root may be reached through a link: it is the user's own choice", () => {
  symlinkSync(target, join(scratch, "to-target"));
  const fd = openRoot(pathIn(scratch, "to-target"));
  expect(fstat(fd).inode).toBe(lstat(pathIn(target)).inode);
  close(fd);
});

describe("a name", () => {
  const far = ["../outside/file2", "/tmp/file2", "..", ".", "", "a/b", "\u012f" as ByteString];
  const makers: Record<string, (name: ByteString) => void> = {
    makeFolder: (name) => makeFolder(root, name, 0o700),
    createFile: (name) => void createFile(root, name),
    openFileAt: (name) => void openFileAt(root, name),
    makeLink: (name) => makeLink(root, name, bytes("x")),
    makeHardLink: (name) => held(pathIn(target, "x"), (handle) => makeHardLink(handle, root, name)),
    makeNode: (name) => makeNode(root, name, "fifo", 0, 0),
    "rename from": (name) => rename(root, name, root, bytes("y")),
    "rename to": (name) => rename(root, bytes("x"), root, name),
    remove: (name) => remove(root, name),
    removeFolder: (name) => removeFolder(root, name),
  };

  test.each(Object.keys(makers))("a name that leads elsewhere is refused by %s", (maker) => {
    writeFileSync(join(target, "x"), "");
    for (const name of far) {
      const plain = name.charCodeAt(0) > 255 ? (name as ByteString) : bytes(name);
      expect(() => makers[maker]?.(plain)).toThrow(withCode("EINVAL"));
    }
    expect(readdirSync(target)).toEqual(["x"]);
    expectOutsideUnchanged();
  });
});

describe("a link where a file should be", () => {
  beforeEach(() => symlinkSync(join(outside, "file"), join(target, "trap")));

  test("a link where a file should be is not written through", () => {
    expect(() => createFile(root, bytes("trap"))).toThrow(withCode("EEXIST"));
    expectOutsideUnchanged();
  });

  test("a link where a file should be is not written through when it points to nothing yet", () => {
    symlinkSync(join(outside, "file2"), join(target, "dead"));
    expect(() => createFile(root, bytes("dead"))).toThrow(withCode("EEXIST"));
    expectOutsideUnchanged();
  });

  test("a link where a file should be is not read through", () => {
    expect(() => openFileAt(root, bytes("trap"))).toThrow(withCode("ELOOP"));
  });

  test("a link where a file should be is replaced by a rename, not followed", () => {
    close(createFile(root, bytes("new")));
    rename(root, bytes("new"), root, bytes("trap"));
    expect(lstatSync(join(target, "trap")).isFile()).toBe(true);
    expectOutsideUnchanged();
  });

  test("a link where a file should be is removed itself", () => {
    remove(root, bytes("trap"));
    expect(existsSync(join(target, "trap"))).toBe(false);
    expectOutsideUnchanged();
  });

  test("a link where a file should be gets a second name itself", () => {
    held(pathIn(target, "trap"), (handle) => makeHardLink(handle, root, bytes("again")));
    expect(readlinkSync(join(target, "again"))).toBe(join(outside, "file"));
    expect(lstatSync(join(outside, "file")).nlink).toBe(1);
  });

  test("a link where a file should be passes no mode on to what it points to", () => {
    const before = lstatSync(join(outside, "file")).mode;
    const set = () => held(pathIn(target, "trap"), (handle) => setModeOfHandle(handle, 0o4777));
    expect(set).toThrow(withCode("ENOTSUP"));
    expect(lstatSync(join(outside, "file")).mode).toBe(before);
  });
});

test("a parent that is swapped to and fro never lets anything out", async () => {
  mkdirSync(join(target, "parent"));
  symlinkSync(outside, join(target, "trap"));
  const swapper = `
import os, sys
os.chdir(sys.argv[1])
while True:
  os.rename('parent', 'aside'); os.rename('trap', 'parent'); os.rename('parent', 'trap'); os.rename('aside', 'parent')
`;
  const child = Bun.spawn([python3, "-c", swapper, target], { stdout: "ignore", stderr: "ignore" });
  let made = 0;
  for (let attempt = 0; attempt < 3_000 || made === 0; attempt++) {
    if (attempt % 100 === 0) await Bun.sleep(1);
    try {
      restoreFile("parent", `file-${attempt}`);
      made += 1;
    } catch (error) {
      if (!isSystemError(error, "ELOOP", "ENOENT")) throw error;
    }
  }
  child.kill();
  await child.exited;
  expectOutsideUnchanged();
});
