/** Inputs made to exhaust the memory of the program, met by the program itself: its peak is measured. */
import { expect } from "bun:test";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";
import { run } from "../support/services/command.ts";

for (const [layout, islands, distance, most] of [
  // Of an object, each island is an extent with a digest, so fewer are kept apart.
  ["packs", 250_000, 12 * 1024, 2_100_000],
  ["objects", 60_000, 48 * 1024, 600_000],
] as const) {
  attack(
    {
      by: "U",
      what: "a sparse file of 3 GB with very many islands",
      before: "950 MB to archive, and to restore",
      now: "archived and restored",
      peak: 240,
    },
    async () => {
      await using folder = await scratch();
      const files = join(folder.path, "files");
      await mkdir(files);
      makeIslands(join(files, "islands"), islands, distance);
      const pickers = { all: `find '${files}' -print0` };
      const { conf } = await writeConf(folder.path, { sections: { content: { layout } }, pickers });
      const archived = await sysbackupPeak(["archive", "--conf-dir", conf]);
      expect(archived).toMatchObject({ exit: 0 });
      const target = join(folder.path, "target");
      const restored = await sysbackupPeak(["restore", "test", files, "--conf-dir", conf, "--target", target]);
      expect(restored).toMatchObject({ exit: 0 });
      const copy = join(target, files, "islands");
      await run(["cmp", join(files, "islands"), copy]);
      expect((await stat(copy)).blocks).toBeLessThan(most);
      console.log(`sparse, ${layout}: archive ${archived.peakMiB} MiB, restore ${restored.peakMiB} MiB`);
      return Math.max(archived.peakMiB, restored.peakMiB);
    },
    { variant: layout },
  );
}

function makeIslands(path: string, count: number, distance: number): void {
  const fd = openSync(path, "w");
  const island = Buffer.alloc(4_096);
  for (let number = 0; number < count; number += 1) {
    island.writeUInt32LE(number, 0);
    writeSync(fd, island, 0, island.length, number * distance);
  }
  ftruncateSync(fd, count * distance);
  closeSync(fd);
}
