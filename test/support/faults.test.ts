import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diskFull, mayMount } from "./faults/disk-full.ts";
import { scratch } from "./faults/scratch.ts";
import { run } from "./services/command.ts";
import { has } from "./services.ts";
import { buildTree } from "./tree/build.ts";
import { file, folder, type Node } from "./tree/literal.ts";

describe("scratch()", () => {
  test("scratch() makes a new empty folder, which is removed when disposed", async () => {
    const paths: string[] = [];
    {
      await using one = await scratch();
      await using other = await scratch();
      paths.push(one.path, other.path);
      expect(paths.map((path) => existsSync(path))).toEqual([true, true]);
      expect(one.path).not.toBe(other.path);
    }
    expect(paths.map((path) => existsSync(path))).toEqual([false, false]);
  });

  test("a scratch folder takes programs and extended attributes", async () => {
    await using place = await scratch();
    await writeFile(join(place.path, "program"), "#!/bin/sh\necho runs\n", { mode: 0o755 });
    expect(await run([join(place.path, "program")])).toBe("runs\n");
    await run(["setfattr", "-n", "user.x", "-v", "1", place.path]);
  });

  test.skipIf(!has("python3"))("scratch() removes closed folders, and paths beyond PATH_MAX", async () => {
    const place = await scratch();
    let deep: Node = file("");
    for (let depth = 0; depth < 30; depth++) deep = folder({ ["d".repeat(255)]: deep }, { mode: 0o555 });
    const closed = folder({ inside: folder({ deeper: file("") }, { mode: 0 }) }, { mode: 0o555 });
    await buildTree(place.path, { deep, closed });
    await place[Symbol.asyncDispose]();
    expect(existsSync(place.path)).toBe(false);
  });

  test("a scratch folder that is already gone can be disposed", async () => {
    const place = await scratch();
    await run(["rm", "-r", place.path]);
    await place[Symbol.asyncDispose]();
    expect(existsSync(place.path)).toBe(false);
  });
});

describe.skipIf(!mayMount)("diskFull()", () => {
  test("diskFull() takes so many bytes and no more, and is removed when disposed", async () => {
    const disk = await diskFull(1024 * 1024);
    const path = join(disk.path, "file");
    await writeFile(path, Buffer.alloc(1024 * 1024));
    expect(appendFile(path, "x")).rejects.toThrow("ENOSPC");
    await disk[Symbol.asyncDispose]();
    expect(existsSync(disk.path)).toBe(false);
  });

  test("a full disk is unmounted even if something in it is in use", async () => {
    const disk = await diskFull(1024 * 1024);
    await mkdir(join(disk.path, "folder"));
    const child = Bun.spawn(["sleep", "60"], { cwd: join(disk.path, "folder") });
    await disk[Symbol.asyncDispose]();
    expect(existsSync(disk.path)).toBe(false);
    child.kill();
  });
});
