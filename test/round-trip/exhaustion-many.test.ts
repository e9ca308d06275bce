/** Very many small objects, made to exhaust the memory of each program that lists them: its peak is measured. */
import { expect } from "bun:test";
import { keys } from "../../core/format/keys.ts";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { putJunk } from "../support/junk.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";

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
      await putJunk(bucket, { count: 20_000, keyOf: (id) => keys.manifest("test", id) });
      const { peakMiB, exit } = await sysbackupPeak([...words, "--conf-dir", conf], options);
      expect(exit).not.toBe(1);
      return peakMiB;
    },
    { variant: words.join(" ") },
  );
}
