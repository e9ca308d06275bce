/** Very many small objects, made to exhaust the memory of each program that lists them: its peak is measured. */
import { afterAll, expect } from "bun:test";
import { keys } from "../../core/format/keys/keys.ts";
import { attack } from "../support/attack.ts";
import { type Scratch, scratch } from "../support/faults/scratch.ts";
import { full } from "../support/full.ts";
import { putJunk } from "../support/junk.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";

const roots = full ? 100_000 : 40_000;

/** MiB. Before roots were kept in few bytes, each of these was exceeded: by 100,000 roots, with 277, 325, 391, 299 and 270. */
const bounds: Readonly<Record<string, number>> = full
  ? {
      "list --json": 220,
      "verify --all": 250,
      "prune --keep-last 1 --dry-run": 240,
      "renew test --keep-last 8": 240,
      cost: 220,
    }
  : { "prune --keep-last 1 --dry-run": 175 };

type Flooded = { readonly folder: Scratch; readonly conf: string };

/** One bucket for all, since making it takes longest. None of the commands changes it but by extending locks of one backup. */
let flooded: Promise<Flooded> | undefined;

async function flood(): Promise<Flooded> {
  const folder = await scratch();
  const { conf, bucket } = await writeConf(folder.path, { pickers: { one: "echo /etc/hostname" } });
  const first = await sysbackupPeak(["archive", "--conf-dir", conf], { cwd: folder.path });
  expect(first.exit).toBe(0);
  putJunk(bucket, { count: roots, keyOf: (id) => keys.manifest("test", id) });
  return { folder, conf };
}

afterAll(async () => {
  const made = await flooded?.catch(() => undefined);
  await made?.folder[Symbol.asyncDispose]();
});

for (const [words, bound] of Object.entries(bounds)) {
  attack(
    {
      by: "W",
      what: "tens of thousands of roots of four bytes under one name",
      before: "up to 452 MiB of memory",
      now: "a listing keeps few bytes of each, and no command more than 256 MiB",
      peak: 250,
    },
    async () => {
      flooded ??= flood();
      const { folder, conf } = await flooded;
      const { peakMiB, exit } = await sysbackupPeak([...words.split(" "), "--conf-dir", conf], { cwd: folder.path });
      console.log(`${words}: ${peakMiB} MiB`);
      expect(exit).not.toBe(1);
      expect(peakMiB).toBeLessThanOrEqual(bound);
      return peakMiB;
    },
    { variant: words, timeout: 10 * 60_000 },
  );
}
