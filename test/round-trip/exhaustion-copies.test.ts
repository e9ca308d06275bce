/** Very many files with the same content: all of them wait for one chunk, and do not fill its pack. */
import { expect } from "bun:test";
import { linkSync, statSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { full } from "../support/full.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { sysbackup, writeConf } from "../support/program.ts";

/** ext4 allows 65,000 names of a file. */
const names = full ? 60_000 : 40_000;
const files = 2;

attack(
  {
    by: "U",
    what: "a hundred thousand hard links, or copies, of a few bytes",
    before: "2 KB of memory for each: 600 MB for 200,000",
    now: "what they wait for is stored in time",
  },
  async () => {
    await using place = await scratch();
    const folder = join(place.path, "files");
    for (let file = 0; file < files; file += 1) {
      await mkdir(join(folder, `${file}`), { recursive: true });
      writeFileSync(join(folder, `${file}/0`), "the same");
      for (let name = 1; name < names; name += 1) linkSync(join(folder, `${file}/0`), join(folder, `${file}/${name}`));
    }
    const sections = { content: { workers: "1" } };
    const { conf } = await writeConf(place.path, { pickers: { all: `find '${folder}'` }, sections });
    const { peakMiB, exit } = await sysbackupPeak(["archive", "--conf-dir", conf]);
    expect(exit).toBe(0);
    const target = join(place.path, "target");
    const last = join(folder, `1/${names - 1}`);
    expect(await sysbackup(["restore", "test", last, "--target", target, "--conf-dir", conf])).toMatchObject({
      exit: 0,
    });
    expect(statSync(join(target, last)).size).toBe("the same".length);
    console.log(`copies: ${peakMiB} MiB`);
    // As any first backup.
    expect(peakMiB).toBeLessThanOrEqual(full ? 256 : 225);
  },
  { timeout: 240_000 },
);
