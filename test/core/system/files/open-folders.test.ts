import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRoot } from "../../../../core/system/files/confined.ts";
import { close } from "../../../../core/system/files/files.ts";
import { OpenFolders } from "../../../../core/system/files/open-folders.ts";
import { fstat } from "../../../../core/system/filesystem/stat.ts";
import { openBeneath } from "../../../support/descriptors.ts";
import { bytes, pathIn, scratchFolder } from "../scratch.ts";

const folder = scratchFolder();
const folders = new OpenFolders();
afterAll(() => folders[Symbol.dispose]());

function inodeAt(path: string, of = folders): bigint {
  return fstat(of.at(pathIn(path))).inode;
}

function inodeOf(path: string): bigint {
  return statSync(path, { bigint: true }).ino;
}

const openNow = () => openBeneath(folder).length;

describe("a folder by its real path", () => {
  test("a folder by its real path is found, the root too, at any depth and in any order", () => {
    const paths = ["/", "/proc", folder];
    for (let depth = 0, path = folder; depth < 100; depth += 1) {
      path = join(path, "d");
      mkdirSync(path);
      paths.push(path);
    }
    for (const path of [...paths, ...paths.toReversed()]) expect(inodeAt(path)).toBe(inodeOf(path));
  });

  test("a folder by its real path is not found through a link, nor if it is none", () => {
    mkdirSync(join(folder, "real/in"), { recursive: true });
    symlinkSync("real", join(folder, "link"));
    writeFileSync(join(folder, "file"), "");
    expect(() => inodeAt(join(folder, "link"))).toThrow(expect.objectContaining({ code: "ELOOP" }));
    expect(() => inodeAt(join(folder, "link/in"))).toThrow(expect.objectContaining({ code: "ELOOP" }));
    expect(() => inodeAt(join(folder, "file"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
    expect(() => inodeAt(join(folder, "gone/in"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  test("a folder by its real path stays the one that was opened while it is kept, and is looked up again when it was dropped", () => {
    const path = join(folder, "kept");
    mkdirSync(path);
    const before = inodeAt(path);
    renameSync(path, `${path}.old`);
    mkdirSync(path);
    expect(inodeAt(path)).toBe(before);
    folders.drop(pathIn(path));
    expect(inodeAt(path)).toBe(inodeOf(path));
  });

  test("a folder by its real path that is not accepted is closed", () => {
    using picky = new OpenFolders(() => {
      throw new Error("not this one");
    });
    const before = openNow();
    expect(() => inodeAt(folder, picky)).toThrow("not this one");
    expect(openNow()).toBe(before);
  });

  test("a folder by its real path is one of a few that are open, however many were used", () => {
    const many = new OpenFolders();
    const before = openNow();
    for (let number = 0; number < 200; number += 1) {
      const path = join(folder, `many${number}`);
      mkdirSync(path);
      inodeAt(path, many);
    }
    expect(openNow() - before).toBeLessThanOrEqual(16);
    many[Symbol.dispose]();
    expect(openNow()).toBe(before);
  });

  test("a folder by its real path is found though no more descriptors are free, once others are closed", () => {
    using few = new OpenFolders();
    for (let number = 0; number < 10; number += 1) inodeAt(join(folder, `many${number}`), few);
    const taken: number[] = [];
    try {
      for (;;) taken.push(openRoot(bytes("/"), "pass"));
    } catch {}
    try {
      expect(() => openRoot(bytes("/"), "pass")).toThrow(/too many open files/);
      expect(inodeAt(join(folder, "many11"), few)).toBeGreaterThan(0n);
    } finally {
      for (const fd of taken) close(fd);
    }
  });
});
