/** Index objects made to exhaust the memory of each program that reads them: its peak is measured. */
import { expect } from "bun:test";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { compressed, footed } from "../support/hostile-text.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";

const mebibyte = 1024 * 1024;
const line = (document: object) => `${JSON.stringify(document)}\n`;
const head = { text: line({ format: "sysbackup-index", version: 1, name: "evil", run: "9f86d081" }), times: 1 };
const until = new Date(Date.now() + 30 * 24 * 3_600_000).toISOString();
const object = {
  key: `packs/${"a".repeat(64)}.zst`,
  version: "1",
  size: 2 ** 40,
  encoding: "frames",
  retain_until: until,
};
const longNames = { ...object, key: "k".repeat(1_024), version: "v".repeat(1_024) };
const chunks = (count: number) => Array.from({ length: count }, () => ["0".repeat(64), 1] as const);
const objectLine = { text: line({ object }), times: 1 };

const times = (text: string, bytes: number) => ({ text, times: Math.floor(bytes / text.length) });

/** All with a right footer, if they have one. */
const hostile: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  "lines of one object": () => compressed(footed([head, times(line({ object }), 300 * mebibyte)])),
  "objects with the longest names": () =>
    compressed(footed([head, times(line({ object: longNames }), 300 * mebibyte)])),
  "frames of 8,192 chunks": () =>
    compressed(footed([head, objectLine, times(line({ frame: [0, 0, 10, chunks(8_192)] }), 300 * mebibyte)])),
  extensions: () => {
    const { size: _, encoding: __, ...extended } = object;
    return compressed(footed([head, times(line({ extended }), 300 * mebibyte)]));
  },
  "one line without end": () => compressed([head, times("x", 300 * mebibyte)]),
  "one line of empty objects": () => compressed([head, { text: '{"frame":[', times: 1 }, times("{},", 300 * mebibyte)]),
  "lines of empty objects": () => compressed(footed([head, times(`[${"{},".repeat(1_300_000)}{}]\n`, 100 * mebibyte)])),
  "lines of nested arrays": () => compressed(footed([head, times(`${"[".repeat(mebibyte)}\n`, 100 * mebibyte)])),
  "more than it may have": () => compressed([head, times(line({ object }), 4_000 * mebibyte)]),
  "many frames": async () =>
    Buffer.concat(Array<Uint8Array>(20).fill(await compressed([times("x\n", 300 * mebibyte)]))),
};

/** Both commands read index objects by one function: some kinds show it for the other. */
const byBoth = ["objects with the longest names", "frames of 8,192 chunks", "one line without end", "many frames"];

for (const [variant, made] of Object.entries(hostile)) {
  attack(
    {
      by: "W",
      what: "an index object of 100 KB that becomes gigabytes",
      before: "6.6 GB of memory on each machine, at each run",
      now: "read as it comes, refused beyond its bounds",
      peak: 230,
    },
    async () => {
      await using folder = await scratch();
      const sections = { content: { share_with: "evil" } };
      const { conf, bucket } = await writeConf(folder.path, { sections, pickers: { one: "echo /etc/hostname" } });
      const stored = await made();
      const put = await openDirectoryBucket(bucket, { now: () => new Date(), random: Math.random });
      const retention = { mode: "GOVERNANCE", until: new Date(until) } as const;
      await put.put("index/evil/20261121T020003Z-9f86d081.jsonl.zst", stored, { retention });
      const archived = await sysbackupPeak(["archive", "--conf-dir", conf]);
      expect(archived.exit).toBeOneOf([0, 3]);
      if (!byBoth.includes(variant)) return archived.peakMiB;
      const rebuilt = await sysbackupPeak(["rebuild-index", "--conf-dir", conf, "--name", "evil"]);
      return Math.max(archived.peakMiB, rebuilt.peakMiB);
    },
    { variant },
  );
}
