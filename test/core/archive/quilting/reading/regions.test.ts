import { describe, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { LeftOut } from "../../../../../core/archive/quilting/reading/left-out.ts";
import { boundedRegions, holesBetween, regionsOf } from "../../../../../core/archive/quilting/reading/regions.ts";
import { fstat } from "../../../../../core/system/stat.ts";
import { scratch } from "../../../../support/faults/scratch.ts";

function lookedAt(path: string) {
  const fd = openSync(path, "r");
  try {
    return regionsOf({ fd, stat: fstat(fd) });
  } finally {
    closeSync(fd);
  }
}

/** Islands of 4 KiB, each this far from the next. */
function* islands(count: number, apart: number): Generator<readonly [number, number]> {
  for (let number = 0; number < count; number += 1) yield [number * apart, 4096];
}

const blocksOf = (count: number) => count * 8;

describe("data between holes", () => {
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

  test("up to 65,536 regions are kept as they are", () => {
    const regions = boundedRegions({ size: 65_536 * 8192, blocks: blocksOf(65_536) }, () => islands(65_536, 8192));
    expect(regions).toHaveLength(65_536);
    expect(holesBetween(regions, 65_536 * 8192)).toHaveLength(65_536);
  });

  test("if a file has more regions, those that are close to each other become one", () => {
    const size = 3_000_000 * 8192;
    const regions = boundedRegions({ size, blocks: blocksOf(3_000_000) }, () => islands(3_000_000, 8192));
    expect(regions).toEqual([[0, size - 4096]]);
  });

  test("a million regions far from each other are kept", () => {
    const apart = 2 * 1024 * 1024;
    const size = 900_000 * apart;
    expect(boundedRegions({ size, blocks: blocksOf(900_000) }, () => islands(900_000, apart))).toHaveLength(900_000);
  });

  test("a file that is mostly data is read as a whole if it has even more holes", () => {
    const size = 5_000_000 * 8192;
    expect(boundedRegions({ size, blocks: blocksOf(5_000_000) }, () => islands(5_000_000, 8192))).toEqual([[0, size]]);
  });

  test("a file that has more regions than a manifest can hold is left out", () => {
    const apart = 2 * 1024 * 1024;
    const look = () =>
      boundedRegions({ size: 1_100_000 * apart, blocks: blocksOf(1_100_000) }, () => islands(1_100_000, apart));
    expect(look).toThrow(LeftOut);
  });
});
