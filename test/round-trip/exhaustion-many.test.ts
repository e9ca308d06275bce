/** Very many small objects, made to exhaust the memory of each program that lists them: its peak is measured. */
import { expect } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { recordName, versionMaker } from "../../core/bucket/directory/names.ts";
import { encodeRecord } from "../../core/bucket/directory/record.ts";
import { keys } from "../../core/format/keys.ts";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";

const day = 24 * 3_600_000;
const roots = 20_000;
const junk = Buffer.from("junk");

/** Puts roots of four bytes as a directory bucket has them: a put of each would sync it. */
async function putJunk(bucket: string): Promise<void> {
  const hourAgo = new Date(Date.now() - 3_600_000);
  const makeVersion = versionMaker(() => hourAgo, Math.random);
  const folder = join(bucket, "manifests/test");
  await mkdir(folder, { recursive: true });
  for (let number = 0; number < roots; number += 1) {
    const start = new Date(hourAgo.getTime() - (number % 3600) * 1000);
    const key = keys.manifest("test", { start, run: number.toString(16).padStart(8, "0") });
    const name = key.slice("manifests/test/".length);
    const version = makeVersion();
    const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + 30 * day) } as const;
    const record = { file: name, version, size: junk.length, metadata: {}, retention, created: hourAgo };
    await writeFile(join(folder, name), junk);
    await writeFile(join(folder, recordName(name, version)), encodeRecord(record));
  }
}

const commands: readonly (readonly string[])[] = [
  ["list", "--json"],
  ["verify"],
  ["verify", "--all"],
  ["prune", "--keep-last", "1", "--dry-run"],
  ["renew", "test", "--keep-last", "8"],
  ["cost"],
];

for (const words of commands) {
  attack(
    {
      by: "W",
      what: "20,000 roots of four bytes under one name",
      before: "5 KB of memory each, 470 MiB for 100,000 of them",
      now: "a listing keeps few bytes of each, and no command more than 256 MiB",
      peak: 190,
    },
    async () => {
      await using folder = await scratch();
      const { conf, bucket } = await writeConf(folder.path, { pickers: { one: "echo /etc/hostname" } });
      const options = { cwd: folder.path };
      const first = await sysbackupPeak(["archive", "--conf-dir", conf], options);
      expect(first.exit).toBe(0);
      await putJunk(bucket);
      const { peakMiB, exit } = await sysbackupPeak([...words, "--conf-dir", conf], options);
      expect(exit).not.toBe(1);
      return peakMiB;
    },
    { variant: words.join(" ") },
  );
}
