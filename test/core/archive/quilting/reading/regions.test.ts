import { expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { HoleWalk, inBlocks, type Region, regionsOf } from "../../../../../core/archive/quilting/reading/regions.ts";
import { fstat } from "../../../../../core/system/filesystem/stat.ts";
import { scratch } from "../../../../support/faults/scratch.ts";

function lookedAt(path: string) {
  const fd = openSync(path, "r");
  try {
    return [...regionsOf({ fd, stat: fstat(fd) }).each()];
  } finally {
    closeSync(fd);
  }
}

test("blocks that a program reserved and never wrote are holes", async () => {
  await using folder = await scratch();
  const path = join(folder.path, "reserved");
  expect(Bun.spawnSync(["fallocate", "-l", "64M", path]).exitCode).toBe(0);
  expect(lookedAt(path)).toEqual([]);
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(4096, 1), 0, 4096, 1024 * 1024);
  await file.sync();
  await file.close();
  const regions = lookedAt(path);
  const data = regions.reduce((sum, [, length]) => sum + length, 0);
  expect(data).toBeGreaterThanOrEqual(4096);
  expect(data).toBeLessThan(2 * 1024 * 1024);
  expect(regions.every(([offset, length]) => offset <= 1024 * 1024 && offset + length > 1024 * 1024)).toBe(true);
});

test("regions are widened to whole blocks, and joined if they share one", () => {
  const regions: readonly Region[] = [
    [1, 10],
    [20, 30],
    [8_000, 300],
    [20_000, 1],
    [40_000, 500],
  ];
  expect([...inBlocks(regions, 40_500)]).toEqual([
    [0, 12_288],
    [16_384, 4_096],
    [36_864, 3_636],
  ]);
});

test("holes are found as data is passed, wherever pieces of it end", () => {
  const walk = new HoleWalk();
  walk.region([10, 5]);
  walk.region([20, 5]);
  expect(walk.pass(3)).toEqual([[0, 10]]);
  expect(walk.pass(4)).toEqual([[15, 5]]);
  expect(walk.pass(3)).toEqual([]);
  expect(walk.end(30)).toEqual([[25, 5]]);
});

test("a walk along very many regions passes each once", () => {
  const walk = new HoleWalk();
  let holes = 0;
  for (let number = 0; number < 10_000; number += 1) {
    walk.region([number * 10, 5]);
    if (number % 3 === 2) holes += walk.pass(15).length;
  }
  expect(holes).toBe(9_998);
  expect(walk.position).toBe(9_998 * 10 + 5);
});
