import { expect, test } from "bun:test";
import { fewRegions, type Region } from "../../../../../core/archive/quilting/reading/open-file.ts";

const kibibyte = 1024;

test("few regions stay as they are, with the smallest of holes between them", () => {
  const regions: readonly Region[] = [
    [0, 10],
    [11, 5],
    [100 * kibibyte, 1],
  ];
  expect(fewRegions(regions, 3)).toEqual(regions);
});

test("many regions are joined over the smallest holes; larger holes stay", () => {
  const small: Region[] = Array.from({ length: 1_000 }, (_, index) => [index * 8 * kibibyte, 4 * kibibyte]);
  const large: Region[] = Array.from({ length: 90 }, (_, index) => [(100 + index) * 1024 * kibibyte, 4 * kibibyte]);
  const few = fewRegions([...small, ...large], 200);
  expect(few.length).toBeLessThanOrEqual(200);
  expect(few.slice(-large.length)).toEqual(large);
  expect(few[0]?.[0]).toBe(0);
});

test("no more regions than needed are joined over equal holes", () => {
  const equal: Region[] = Array.from({ length: 300 }, (_, index) => [index * 1024 * kibibyte, 4 * kibibyte]);
  const few = fewRegions(equal, 100);
  expect(few.length).toBeLessThanOrEqual(100);
  expect(few.length).toBeGreaterThan(49);
  expect(few.at(-1)).toEqual([299 * 1024 * kibibyte, 4 * kibibyte]);
});
