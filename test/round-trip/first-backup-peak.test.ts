/** The memory of a first backup does not depend on how many threads read. */
import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";

const MiB = 1024 ** 2;

test.each([1, 2, 4])(
  "a first backup of 20,000 small files and two large ones takes at most 256 MiB with %d threads that read",
  async (workers) => {
    await using place = await scratch();
    const files = join(place.path, "files");
    for (let folder = 0; folder < 20; folder += 1) {
      await mkdir(join(files, `${folder}`), { recursive: true });
      const write = (_: unknown, number: number) =>
        writeFile(join(files, `${folder}`, `${number}`), `${folder} ${number} `.repeat(100));
      await Promise.all(Array.from({ length: 1_000 }, write));
    }
    for (const name of ["x", "y"]) await writeFile(join(files, name), randomBytes(64 * MiB));
    const sections = { content: { workers: `${workers}` } };
    const { conf } = await writeConf(place.path, { pickers: { all: `find '${files}'` }, sections });
    const { peakMiB, exit } = await sysbackupPeak(["archive", "--conf-dir", conf]);
    console.log(`${workers} threads: ${peakMiB} MiB`);
    expect(exit).toBe(0);
    expect(peakMiB).toBeLessThanOrEqual(256);
  },
  120_000,
);
