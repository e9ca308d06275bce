import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRoot } from "../../../../core/system/files/confined.ts";
import { close } from "../../../../core/system/files/files.ts";
import { tryLock } from "../../../../core/system/files/lock.ts";
import { namesIn } from "../../../../core/system/files/names.ts";
import { pathIn, scratchFolder } from "../scratch.ts";

const folder = scratchFolder();

test("a folder lists all of its names, byte by byte, as often as it is asked", () => {
  const path = join(folder, "many");
  mkdirSync(path);
  const names = Array.from({ length: 3_000 }, (_, number) => `${number}-${"n".repeat(200)}`);
  for (const name of names) writeFileSync(join(path, name), "");
  writeFileSync(Buffer.from(`${path}/caf\xe9`, "latin1"), "");
  const fd = openRoot(pathIn(path));
  for (let round = 0; round < 2; round += 1) {
    expect([...namesIn(fd)].map(String).sort()).toEqual([...names, "caf\xe9"].sort());
  }
  close(fd);
});

test("an empty folder has no names", () => {
  mkdirSync(join(folder, "empty"));
  const fd = openRoot(pathIn(folder, "empty"));
  expect([...namesIn(fd)]).toEqual([]);
  close(fd);
});

test("a folder is locked by one descriptor at a time, until that is closed", () => {
  const [one, other] = [openRoot(pathIn(folder)), openRoot(pathIn(folder))];
  expect([tryLock(one), tryLock(other)]).toEqual([true, false]);
  close(one);
  expect(tryLock(other)).toBe(true);
  close(other);
});
