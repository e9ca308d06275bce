/** Roots made to exhaust the memory of each program that reads them: its peak is measured. */
import { expect } from "bun:test";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { keys, stampOf } from "../../core/format/keys/keys.ts";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { full } from "../support/full.ts";
import { compressed, footed } from "../support/hostile-text.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";

/** Those that take the most time, or memory, show by two of them what is kept of each. */
const large = ["very many notices", "very many bundles"];
/** MiB: programs that keep the lines of all roots take more. */
const mostOfSmall = 150;
const mebibyte = 1024 * 1024;
const day = 24 * 3_600_000;
const line = (document: object) => `${JSON.stringify(document)}\n`;
const until = new Date(Date.now() + 30 * day);
const digest = "0".repeat(64);

const headOf = (start: Date, run: string) =>
  line({
    format: "sysbackup-manifest",
    version: 1,
    name: "test",
    host: "evil",
    run,
    started: start.toISOString(),
    tool: "evil",
    config: digest,
    retain_until: until.toISOString(),
    lock_mode: "GOVERNANCE",
    layout: "packs",
    sealing: null,
  });
const totals = line({
  totals: { entries: 0, files: 0, bytes: 0, parts: 0, snapshots: 0, warnings: 0, errors: 0, finished: until },
});
const notice = line({ notice: { level: "warning", code: "vanished", message: "", at: until } });
const snapshot = line({
  snapshot: {
    snapshotter: "db",
    key: "snapshots/test/x",
    version: "1",
    size: 1,
    sha256: digest,
    encoding: "none",
    dump_size: 1,
    dump_sha256: digest,
    exit: 0,
  },
});
/** Parts in order, so that all are believed; some MiB, which do not compress as well. */
const parts = Array.from({ length: 48_000 }, (_, number) =>
  line({
    part: {
      key: "manifests/test/parts/x.jsonl.zst",
      version: "1",
      size: 1,
      sha256: digest,
      first: `/${String(number).padStart(9, "0")}`,
      entries: 1,
      bytes: 1,
    },
  }),
).join("");

/** As many as are believed, each with a table of contents that is not there. Some lie outside of the folder of bundles. */
const bundles = Array.from({ length: 30_000 }, (_, number) => {
  const path = `/${String(number).padStart(9, "0")}`;
  const key = number % 2 === 0 ? `bundles/test${path}.tar.zst` : `packs/${digest}.zst`;
  return line({
    bundle: {
      section: "evil",
      path,
      depth: 1,
      key,
      version: "1",
      size: Number.MAX_SAFE_INTEGER,
      encoding: "zstd",
      storage_class: "STANDARD",
      fingerprint: digest,
      files: 1,
      table: [
        { key: `${key}.toc/x.jsonl.zst`, version: "1", size: 1, sha256: digest, first: path, entries: 1, bytes: 1 },
      ],
    },
  });
}).join("");

type Texts = readonly { readonly text: string; readonly times: number }[];

const times = (text: string, bytes: number) => ({ text, times: Math.floor(bytes / text.length) });
const whole = (head: string, middle: Texts) =>
  compressed(footed([{ text: head, times: 1 }, ...middle, { text: totals, times: 1 }]));

const hostile: Readonly<Record<string, (head: string) => Promise<Uint8Array>>> = {
  "very many notices": (head) => whole(head, [times(notice, 12 * mebibyte)]),
  "very many parts": (head) => whole(head, [{ text: parts, times: 1 }]),
  "very many bundles": (head) => whole(head.replace('"version":1', '"version":2'), [{ text: bundles, times: 1 }]),
  "very many snapshots": (head) => whole(head, [times(snapshot, 15 * mebibyte)]),
  "one line without end": (head) => compressed([{ text: head, times: 1 }, times("x", 300 * mebibyte)]),
  "lines of empty objects": (head) => whole(head, [times(`[${"{},".repeat(170_000)}{}]\n`, 40 * mebibyte)]),
};

const commands: readonly (readonly string[])[] = [
  ["list"],
  ["verify", "--all"],
  ["prune", "--keep-last", "1", "--dry-run"],
  ["renew", "test", "--keep-last", "8"],
  ["cost"],
  ["doctor"],
  ["restore", "test", "--target", "target"],
  ["restore", "test", "--target", "target", "--thaw", "bulk", "--yes"],
  ["ls", "test"],
  ["find", "x", "test"],
  ["history", "/x"],
  ["diff", "test", "test"],
];

/** All commands read roots by one function: the kind that is refused soonest shows it for each. */
const byAll = "one line without end";
/** Each goes through what a root lists in a way of its own. */
const inEachWay = commands.filter(([name = ""]) => ["list", "verify", "prune", "cost", "history"].includes(name));

function commandsFor(variant: string): typeof commands {
  if (full || variant === byAll) return commands;
  return large.includes(variant) ? inEachWay : commands.slice(0, 2);
}

for (const [variant, made] of Object.entries(hostile)) {
  attack(
    {
      by: "W",
      what: "roots of 6 KB that become hundreds of MiB",
      before: "1.3 GB of memory to list eight",
      now: "read as they come, refused beyond their bounds",
      peak: 245,
    },
    async () => {
      await using folder = await scratch();
      const { conf, bucket } = await writeConf(folder.path, { pickers: { one: "echo /etc/hostname" } });
      const put = await openDirectoryBucket(bucket, { now: () => new Date(), random: Math.random });
      const roots = full ? 8 : large.includes(variant) ? 2 : 4;
      for (let number = 1; number <= roots; number += 1) {
        const start = new Date(Math.floor(Date.now() / 1000) * 1000 - number * 60_000);
        const run = `0000000${number}`;
        expect(stampOf(start)).toEndWith("Z");
        const stored = await made(headOf(start, run));
        await put.put(keys.manifest("test", { start, run }), stored, { retention: { mode: "GOVERNANCE", until } });
      }
      const peaks: number[] = [];
      for (const words of commandsFor(variant)) {
        const { peakMiB } = await sysbackupPeak([...words, "--conf-dir", conf], { cwd: folder.path });
        peaks.push(peakMiB);
      }
      const highest = Math.max(...peaks);
      if (!large.includes(variant)) expect(highest).toBeLessThanOrEqual(mostOfSmall);
      return highest;
    },
    { variant },
  );
}
