/** Files whose content goes on in segments, met by the program itself: its peak is measured, and what it restores compared. */
import { expect } from "bun:test";
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { link, mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { mostOfFile } from "../../core/format/entries/segment.ts";
import { attack } from "../support/attack.ts";
import { full } from "../support/full.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";

const block = 4_096;
/** More than a file has without segments; in one layout, more than are kept in memory, too. */
const islandsOf = { packs: full ? 400_000 : mostOfFile.holes + 9_000, objects: mostOfFile.extents + 5_000 } as const;
/** What goes the same way in every layout is seen in one. */
const alikeIn = { packs: true, objects: full } as const;
/** MiB. It does not grow with the islands. */
const mostMemory = 256;
/** Bytes from one island to the next: together more than a TiB. */
const distances = { packs: 8 * 1024 * 1024, objects: 16 * 1024 * 1024 } as const;

for (const layout of ["packs", "objects"] as const)
  attack(
    {
      by: "U",
      what: "a sparse file of more than a TiB with tens or hundreds of thousands of islands",
      before: "left out by name",
      now: "archived, verified and restored, in segments",
    },
    async () => {
      // Few filesystems hold such a file in so little time.
      const folder = join("/dev/shm", `sysbackup-${crypto.randomUUID()}`);
      const files = join(folder, "files");
      await mkdir(files, { recursive: true });
      const islands = { count: islandsOf[layout], distance: distances[layout] };
      try {
        const path = join(files, "islands");
        makeIslands(path, islands);
        // This name sorts between the file and its segments.
        await link(path, `${path}-too`);
        const { conf } = await writeConf(folder, {
          sections: { content: { layout } },
          pickers: { all: `find '${files}' -print0` },
        });
        const target = join(folder, "target");
        const peaks: number[] = [];
        const restore = ["restore", "test", files, "--target", target];
        const first = [["archive"], ["verify", "--read-data"], restore];
        const alike = [["cost"], ["prune", "--keep-last", "1", "--dry-run"], restore, ["archive"]];
        for (const words of alikeIn[layout] ? [...first, ...alike] : first) {
          const { exit, stderr, peakMiB } = await sysbackupPeak([...words, "--conf-dir", conf]);
          expect({ words, exit, stderr: exit === 0 ? "" : stderr }).toEqual({ words, exit: 0, stderr: "" });
          peaks.push(peakMiB);
        }
        console.log(`segments: ${peaks.join(", ")} MiB`);
        const copy = join(target, path);
        expect(differing(path, copy, islands)).toBeUndefined();
        expect((await stat(`${copy}-too`)).ino).toBe((await stat(copy)).ino);
        expect((await stat(copy)).blocks).toBeLessThan((islands.count * block * 1.1) / 512);
        expect(Math.max(...peaks)).toBeLessThan(mostMemory);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    { variant: layout },
  );

type Islands = { readonly count: number; readonly distance: number };

function makeIslands(path: string, { count, distance }: Islands): void {
  const fd = openSync(path, "w");
  const island = Buffer.alloc(block);
  for (let number = 0; number < count; number += 1) {
    island.writeUInt32LE(number, 0);
    writeSync(fd, island, 0, block, number * distance);
  }
  ftruncateSync(fd, count * distance);
  closeSync(fd);
}

/** Returns the first island that the copy does not have, and where the copies' sizes differ, 0. */
function differing(path: string, copy: string, { count, distance }: Islands): number | undefined {
  const [one, other] = [openSync(path, "r"), openSync(copy, "r")];
  const [left, right] = [Buffer.alloc(2 * block), Buffer.alloc(2 * block)];
  try {
    for (let number = 0; number < count; number += 1) {
      readSync(one, left, 0, left.length, number * distance);
      readSync(other, right, 0, right.length, number * distance);
      if (!left.equals(right)) return number;
    }
    return undefined;
  } finally {
    closeSync(one);
    closeSync(other);
  }
}
