/** The memory of a first backup does not depend on how many threads read. */
import { afterAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Scratch, scratch } from "../support/faults/scratch.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";

const MiB = 1024 ** 2;

/** The files that all tests store: made once. */
let made: Promise<Scratch> | undefined;

async function makeFiles(): Promise<Scratch> {
  const files = await scratch();
  for (let folder = 0; folder < 20; folder += 1) {
    await mkdir(join(files.path, `${folder}`));
    const write = (_: unknown, number: number) =>
      writeFile(join(files.path, `${folder}`, `${number}`), `${folder} ${number} `.repeat(100));
    await Promise.all(Array.from({ length: 1_000 }, write));
  }
  for (const name of ["x", "y"]) await writeFile(join(files.path, name), randomBytes(64 * MiB));
  return files;
}

afterAll(async () => {
  const files = await made?.catch(() => undefined);
  await files?.[Symbol.asyncDispose]();
});

test.each([1, 2, 4])(
  "a first backup of 20,000 small files and two large ones takes at most 256 MiB with %d threads that read",
  async (workers) => {
    made ??= makeFiles();
    const files = await made;
    await using place = await scratch();
    const sections = { content: { workers: `${workers}` } };
    const { conf } = await writeConf(place.path, { pickers: { all: `find '${files.path}'` }, sections });
    const { peakMiB, exit } = await sysbackupPeak(["archive", "--conf-dir", conf]);
    console.log(`${workers} threads: ${peakMiB} MiB`);
    expect(exit).toBe(0);
    expect(peakMiB).toBeLessThanOrEqual(256);
  },
  120_000,
);
