/** Parts made to exhaust the memory of each program that reads them: its peak is measured. */
import { expect } from "bun:test";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { keys } from "../../core/format/keys/keys.ts";
import { encodeManifest } from "../../core/format/manifest/manifest.ts";
import { fromText } from "../../core/format/path.ts";
import { sha256 } from "../../core/format/sha256.ts";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { full } from "../support/full.ts";
import { compressed } from "../support/hostile-text.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";

const mebibyte = 1024 * 1024;
const line = (document: object) => `${JSON.stringify(document)}\n`;
const head = { text: line({ format: "sysbackup-part", version: 1 }), times: 1 };
const common = { o: 0, g: 0, uid: 0, gid: 0, mode: 420, mt: "0.000000000" };
const digest = "0".repeat(64);
const extent = `[0,0,9000,0,8192,"${digest}"]`;
const object = { key: `packs/${digest}.zst`, version: "1", size: 2 ** 40, encoding: "frames" };

const times = (text: string, bytes: number) => ({ text, times: Math.floor(bytes / text.length) });
const open = (text: string) => ({ text, times: 1 });
const hostile: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  "one line of 250 MiB": () => compressed([head, times("x", 250 * mebibyte), open("\n")]),
  "one entry with a link target of 250 MiB": () =>
    compressed([head, open(`{"typ":"l","path":"/a","tgt":"`), times("x", 250 * mebibyte), open('"}\n')]),
  "entries of 300 MiB": () => compressed([head, times(line({ typ: "d", path: "/a", ...common }), 300 * mebibyte)]),
  "one entry with lists in lists of 8 MiB": () =>
    compressed([
      head,
      open(`{"typ":"d","path":"/a","x":`),
      times("[", 4 * mebibyte),
      times("]", 4 * mebibyte),
      open("}\n"),
    ]),
  "one file with extents of 220 MiB": () =>
    compressed([
      head,
      open(line({ object: 0, ...object })),
      open(
        `{"typ":"f","path":"/a","o":0,"g":0,"uid":0,"gid":0,"mode":420,"mt":"0.000000000","size":${2_400_001 * 8192},"dat":[`,
      ),
      { text: `${extent},`, times: 2_400_000 },
      open(`${extent}]}\n`),
    ]),
  "objects of 60 MiB": () => compressed([head, times(line({ object: 0, ...object }), 60 * mebibyte)]),
};

/** Each reads parts in a way of its own: as files are restored, as needs are gathered, and as a folder is looked up. */
const inEachWay: readonly (readonly string[])[] = [
  ["restore", "test", "--target", "target"],
  ["verify"],
  ["prune", "--keep-last", "1", "--dry-run"],
  ["ls", "test", "/"],
];
const others: readonly (readonly string[])[] = [
  ["verify", "--read-data"],
  ["renew", "test", "--keep-last", "1"],
  ["find", "a"],
  ["cost"],
];

/** The others read in the ways of these: the kind of parts that is refused soonest shows it. */
const byAll = "one line of 250 MiB";

for (const [variant, made] of Object.entries(hostile)) {
  attack(
    {
      by: "W",
      what: "a part of some KB that becomes hundreds of MiB",
      before: "1 GB of memory for a line of 256 MiB",
      now: "lines bounded by 16 MiB, large parts in a file",
      peak: 220,
    },
    async () => {
      await using folder = await scratch();
      const { conf, bucket } = await writeConf(folder.path, { pickers: { one: "echo /etc/hostname" } });
      await putBackup(bucket, await made());
      const peaks: number[] = [];
      for (const words of full || variant === byAll ? [...inEachWay, ...others] : inEachWay) {
        const { exit, stderr, peakMiB } = await sysbackupPeak([...words, "--conf-dir", conf], { cwd: folder.path });
        expect(stderr).not.toContain("defect");
        expect(exit).not.toBe(1);
        peaks.push(peakMiB);
      }
      console.log(`${variant}: ${peaks.join(", ")} MiB`);
      return Math.max(...peaks);
    },
    { variant },
  );
}

async function putBackup(bucketPath: string, part: Uint8Array): Promise<void> {
  const bucket = await openDirectoryBucket(bucketPath, { now: () => new Date(), random: Math.random });
  const until = new Date(Date.now() + 30 * 24 * 3_600_000);
  const retention = { mode: "GOVERNANCE", until } as const;
  const start = new Date(Math.floor(Date.now() / 1000) * 1000);
  const run = "0badcafe";
  const { key, version, size } = await bucket.put(keys.part("test", sha256(part)), part, { retention });
  const manifest = encodeManifest({
    header: {
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
    },
    parts: [{ key, version, size, sha256: sha256(part), first: fromText("/a"), entries: 1, bytes: 1 }],
    snapshots: [],
    bundles: [],
    log: [],
    totals: {
      entries: 1,
      files: 1,
      bytes: 1,
      parts: 1,
      snapshots: 0,
      warnings: 0,
      errors: 0,
      finished: start.toISOString(),
    },
  });
  await bucket.put(keys.manifest("test", { start, run }), Bun.zstdCompressSync(manifest), { retention });
}
