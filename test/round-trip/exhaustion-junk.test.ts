/** Junk under `verified/` and `index/`, made to exhaust the time and memory of each program that reads there. */
import { expect } from "bun:test";
import { randomFillSync } from "node:crypto";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { keys, type RunId } from "../../core/format/keys/keys.ts";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { full } from "../support/full.ts";
import { compressed, footed } from "../support/hostile-text.ts";
import { putJunk } from "../support/junk.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";

/** More than are read in vain. */
const count = full ? 20_000 : 5_000;
const minutes = 60_000;

const folders: Readonly<Record<string, (id: RunId) => string>> = {
  "verified/": keys.verified,
  "the index of another name": (id) => keys.index("other", id),
  "the index of the same name": (id) => keys.index("test", id),
};

/** The others list and read in the ways of these. */
const inEachRun: readonly (readonly string[])[] = [
  ["archive"],
  ["archive"],
  ["verify", "--read-data"],
  ["prune", "--keep-last", "1", "--dry-run"],
];
const others: readonly (readonly string[])[] = [
  ["rebuild-index"],
  ["renew", "test", "--keep-last", "8"],
  ["list"],
  ["cost"],
  ["doctor"],
];

/** Runs all commands, one after the other, and returns the highest peak. None may take minutes, or say more than a screen can show. */
async function peakOfAll(conf: string, cwd: string): Promise<number> {
  let highest = 0;
  for (const words of full ? [...inEachRun, ...others] : inEachRun) {
    const began = performance.now();
    const { peakMiB, exit, stderr } = await sysbackupPeak([...words, "--conf-dir", conf], { cwd });
    const seconds = (performance.now() - began) / 1000;
    console.log(`${words.join(" ")}: ${peakMiB} MiB, ${seconds.toFixed(1)} s`);
    expect({ words, exit }).not.toEqual({ words, exit: 1 });
    expect({ words, isLong: stderr.split("\n").length > 1_100 }).toEqual({ words, isLong: false });
    expect({ words, isSlow: seconds > 120 }).toEqual({ words, isSlow: false });
    highest = Math.max(highest, peakMiB);
  }
  return highest;
}

for (const [variant, keyOf] of Object.entries(folders)) {
  attack(
    {
      by: "W",
      what: "thousands of objects of junk where index objects or notes of verify lie",
      before: "each read of a directory listed all of them again: 100,000 did not end in 400 s",
      now: "1,000 in vain are read of one source in a run; every command ends in time",
      peak: 230,
    },
    async () => {
      await using folder = await scratch();
      const { conf, bucket } = await writeConf(folder.path, { pickers: { one: "echo /etc/hostname" } });
      putJunk(bucket, { count, keyOf });
      return await peakOfAll(conf, folder.path);
    },
    { variant, timeout: 10 * minutes },
  );
}

const mebibyte = 1024 * 1024;
const until = new Date(Date.now() + 30 * 24 * 3_600_000).toISOString();
const line = (document: object) => `${JSON.stringify(document)}\n`;
const head = { text: line({ format: "sysbackup-verified", version: 1, run: "9f86d081" }), times: 1 };
const object = { key: `packs/${"a".repeat(64)}.zst`, version: "1", size: 9, encoding: "frames", retain_until: until };
const times = (text: string, bytes: number) => ({ text, times: Math.floor(bytes / text.length) });

/** Notes of verify that are 300 MiB, stored or read. */
const large: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  "of noise": async () => {
    const noise = Buffer.allocUnsafe(300 * mebibyte);
    randomFillSync(noise);
    return noise;
  },
  "of zstd frames of noise": async () => {
    const noise = Buffer.allocUnsafe(8 * mebibyte);
    randomFillSync(noise);
    const frame = Bun.zstdCompressSync(noise);
    return Buffer.concat(Array<Uint8Array>(37).fill(frame));
  },
  "of one object, again and again": () => compressed(footed([head, times(line({ object }), 300 * mebibyte)])),
  "in one line": () => compressed([head, times("x", 300 * mebibyte)]),
};

for (const [variant, made] of Object.entries(large).slice(0, full ? undefined : 2)) {
  attack(
    {
      by: "W",
      what: "an object of 300 MiB under verified/",
      before: "not measured",
      now: "read as it comes, refused beyond its bounds",
      peak: 230,
    },
    async () => {
      await using folder = await scratch();
      const { conf, bucket: path } = await writeConf(folder.path, { pickers: { one: "echo /etc/hostname" } });
      const bucket = await openDirectoryBucket(path, { now: () => new Date(), random: Math.random });
      const retention = { mode: "GOVERNANCE", until: new Date(until) } as const;
      const key = keys.verified({ start: new Date(Date.now() - 3_600_000), run: "9f86d081" });
      await bucket.put(key, await made(), { retention });
      return await peakOfAll(conf, folder.path);
    },
    { variant, timeout: 10 * minutes },
  );
}
