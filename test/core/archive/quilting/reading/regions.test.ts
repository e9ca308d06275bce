import { expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { LeftOut } from "../../../../../core/archive/quilting/reading/left-out.ts";
import { fewRegions, type Region, regionsOf } from "../../../../../core/archive/quilting/reading/regions.ts";
import { fstat } from "../../../../../core/system/stat.ts";
import { scratch } from "../../../../support/faults/scratch.ts";

function lookedAt(path: string) {
  const fd = openSync(path, "r");
  try {
    return regionsOf({ fd, stat: fstat(fd) }, 100);
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

const kibibyte = 1024;

test("few regions stay as they are, with the smallest of holes between them", () => {
  const regions: readonly Region[] = [
    [0, 10],
    [11, 5],
    [100 * kibibyte, 1],
  ];
  expect(fewRegions(regions, 3, kibibyte)).toEqual(regions);
});

test("many regions are joined over the smallest holes; larger holes stay", () => {
  const small: Region[] = Array.from({ length: 1_000 }, (_, index) => [index * 8 * kibibyte, 4 * kibibyte]);
  const large: Region[] = Array.from({ length: 90 }, (_, index) => [(100 + index) * 1024 * kibibyte, 4 * kibibyte]);
  const few = fewRegions([...small, ...large], 200, 1_090 * 4 * kibibyte);
  expect(few.length).toBeLessThanOrEqual(200);
  expect(few.slice(-large.length)).toEqual(large);
  expect(few[0]?.[0]).toBe(0);
});

test("no more regions than needed are joined over equal holes", () => {
  const equal: Region[] = Array.from({ length: 300 }, (_, index) => [index * 1024 * kibibyte, 4 * kibibyte]);
  const few = fewRegions(equal, 100, 100 * 1024 * kibibyte);
  expect(few.length).toBeLessThanOrEqual(100);
  expect(few.length).toBeGreaterThan(49);
  expect(few.at(-1)).toEqual([299 * 1024 * kibibyte, 4 * kibibyte]);
});

test("a file is left out if it has too many regions, and joined ones would be almost only holes", () => {
  const far: Region[] = Array.from({ length: 300 }, (_, index) => [index * 1024 * 1024 * kibibyte, 4 * kibibyte]);
  expect(() => fewRegions(far, 100, 300 * 4 * kibibyte)).toThrow(LeftOut);
  expect(fewRegions(far, 300, 300 * 4 * kibibyte)).toEqual(far);
});
