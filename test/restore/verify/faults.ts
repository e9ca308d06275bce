/** Faults that verify must find: how it is planted, and what is found at which depth. */

import { readFile, rm, writeFile } from "node:fs/promises";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { decodeIndex, encodeIndex, type IndexLine } from "../../../core/format/index/index-object.ts";
import { withFooter } from "../../../core/format/lines/envelope.ts";
import { once } from "../../../core/stored/bytes.ts";
import type { BackupState } from "../../../restore/verify/verify.ts";
import type { Rig, RunOptions } from "../../core/archive/rig.ts";
import { flipped } from "../support.ts";
import { change, changeRecord, held, keyOf, lose, markedDeleted, root } from "./plant.ts";

/** What verify finds at a depth. */
export type Expected = {
  readonly state: BackupState;
  readonly codes: readonly string[];
  readonly files: readonly string[];
};

export type Fault = {
  readonly name: string;
  readonly options?: RunOptions;
  /** The bucket that is verified, if it is not the rig's. */
  readonly plant: (rig: Rig) => Promise<Bucket | undefined> | Promise<void>;
  readonly plain: Expected;
  readonly read: Expected;
};

const sound: Expected = { state: "restorable", codes: [], files: [] };
const damaged = (code: string, files: readonly string[] = ["a", "b", "c"]): Expected => ({
  state: "damaged",
  codes: [code],
  files,
});
const found = (state: BackupState, code: string) => ({ state, codes: [code], files: [] });
const both = (expected: Expected) => ({ plain: expected, read: expected });

const pack = (rig: Rig) => keyOf(rig, "packs/");
const day = 24 * 3600 * 1000;

const objects: RunOptions = { content: { layout: "objects", compression: "gzip", compressionLevel: 6 } };

/** The rig's bucket, with other words about locks. */
const telling = (rig: Rig, locks: { readonly inHead: boolean; readonly kept: boolean }): Bucket =>
  wrapBucket(rig.bucket, {
    async head(key, version) {
      const info = await rig.bucket.head(key, version);
      return info && { ...info, retention: locks.inHead ? info.retention : undefined };
    },
    retention: async (key, version) => (locks.kept ? rig.bucket.retention(key, version) : undefined),
  });

export const faults: readonly Fault[] = [
  { name: "none: a sound bucket", plant: async () => {}, ...both(sound) },
  {
    name: "a HEAD states the locks that were asked for, and no object has one",
    plant: async (rig) => telling(rig, { inHead: true, kept: false }),
    ...both({ state: "short", codes: ["lock-missing", "lock-missing", "lock-missing"], files: [] }),
  },
  {
    name: "none, though a HEAD states no locks",
    plant: async (rig) => telling(rig, { inHead: false, kept: true }),
    ...both(sound),
  },
  { name: "a pack is gone", plant: async (rig) => lose(rig, await pack(rig)), ...both(damaged("missing")) },
  {
    name: "a pack is shorter",
    plant: async (rig) => change(rig, await pack(rig), (bytes) => bytes.subarray(1)),
    ...both(damaged("wrong-size")),
  },
  {
    name: "a bit of a pack is flipped",
    plant: async (rig) => change(rig, await pack(rig), (bytes) => flipped(bytes, 12)),
    plain: sound,
    read: damaged("altered", ["a"]),
  },
  {
    name: "a bit of a pack's own table of contents is flipped",
    plant: async (rig) => change(rig, await pack(rig), (bytes) => flipped(bytes, bytes.length - 20)),
    plain: sound,
    read: damaged("altered", []),
  },
  {
    name: "a bit of a file's own object is flipped",
    options: objects,
    plant: async (rig) => change(rig, await keyOf(rig, "content/"), (bytes) => flipped(bytes, 30)),
    plain: sound,
    read: damaged("wrong-content", ["?"]),
  },
  {
    name: "a file's own object is stored in another encoding than the manifest says",
    options: objects,
    plant: async (rig) =>
      changeRecord(rig, await keyOf(rig, "content/"), ({ metadata }) => {
        metadata["storage-encoding"] = "zstd";
      }),
    ...both(damaged("wrong-encoding", ["?"])),
  },
  {
    name: "a lock is shorter than promised",
    plant: async (rig) =>
      changeRecord(rig, await pack(rig), ({ retention }) => {
        retention.until = new Date(rig.now().getTime() + 29 * day).toISOString();
      }),
    ...both(found("short", "lock-short")),
  },
  {
    name: "a lock is of a weaker mode than promised",
    options: { content: { lockMode: "COMPLIANCE" } },
    plant: async (rig) =>
      changeRecord(rig, await pack(rig), ({ retention }) => {
        retention.mode = "GOVERNANCE";
      }),
    ...both(found("short", "lock-mode")),
  },
  {
    name: "the manifest's root is altered",
    plant: async (rig) => change(rig, await keyOf(rig, "manifests/", root), (bytes) => flipped(bytes)),
    ...both(damaged("manifest-damaged", [])),
  },
  {
    name: "a part of the manifest is altered",
    plant: async (rig) => change(rig, await keyOf(rig, "manifests/host/parts/"), (bytes) => flipped(bytes)),
    ...both(damaged("part-damaged", ["all"])),
  },
  {
    name: "a part of the manifest is gone",
    plant: async (rig) => lose(rig, await keyOf(rig, "manifests/host/parts/")),
    ...both(damaged("part-damaged", ["all"])),
  },
  {
    name: "an index lies about a chunk, and a manifest is built on it",
    plant: lieAndBuildOnIt,
    plain: sound,
    read: damaged("wrong-content", ["a", "b"]),
  },
  {
    name: "a delete marker lies over a pack",
    plant: async (rig) => markedDeleted(rig.bucket, await pack(rig)),
    ...both(found("restorable", "delete-marker")),
  },
  {
    name: "a delete marker lies over the manifest's root",
    plant: async (rig) => markedDeleted(rig.bucket, await keyOf(rig, "manifests/", root)),
    ...both(found("restorable", "delete-marker")),
  },
  {
    name: "a newer version lies over a pack",
    plant: async (rig) => putOver(rig, await pack(rig)),
    ...both(found("restorable", "newer-version")),
  },
  {
    name: "a newer version lies over the manifest's root",
    plant: async (rig) => putOver(rig, await keyOf(rig, "manifests/", root)),
    ...both(found("restorable", "newer-version")),
  },
  {
    name: "a pack is under a legal hold",
    plant: async (rig) => held(rig.bucket, await pack(rig)),
    ...both(found("restorable", "legal-hold")),
  },
  {
    name: "the root of a backup that another one follows is gone (with `--all`)",
    plant: async (rig) => lose(rig, await followed(rig)),
    ...both(damaged("backup-missing", [])),
  },
  {
    name: "the root of a backup that another one follows is another one (with `--all`)",
    plant: async (rig) => forge(rig, await followed(rig)),
    ...both(damaged("backup-replaced", [])),
  },
  {
    name: "two backups follow the same one (with `--all`)",
    plant: async (rig) => {
      const before = await readFile(rig.statePath());
      await followed(rig);
      await rm(`${rig.statePath()}.sum`, { force: true });
      await writeFile(rig.statePath(), before);
      await followed(rig);
    },
    ...both(found("restorable", "chain-forked")),
  },
  {
    name: "a backup follows none, though there are earlier ones (with `--all`)",
    plant: async (rig) => {
      await followed(rig);
      await rm(rig.statePath());
      await followed(rig);
    },
    ...both(found("restorable", "chain-begins")),
  },
];

/** Makes another backup. Returns the root of the one before. */
async function followed(rig: Rig): Promise<string> {
  const before = (await rig.keys("manifests/host/")).findLast((key) => !key.includes("/parts/")) ?? "";
  rig.ahead += day;
  await rig.run();
  return before;
}

/** Puts a whole root that says something else in the place of one, as the owner of a disk can. */
async function forge(rig: Rig, key: string): Promise<void> {
  let forged: Uint8Array = new Uint8Array();
  await change(rig, key, (root) => {
    const text = Buffer.from(Bun.zstdDecompressSync(root)).toString().replace('"host":"machine"', '"host":"another"');
    const lines = text.split("\n").slice(0, -2);
    forged = Bun.zstdCompressSync([...withFooter(lines.map((line) => `${line}\n`))].join(""));
    return forged;
  });
  const sha256 = new Bun.CryptoHasher("sha256").update(forged).digest("hex");
  await changeRecord(rig, key, (record) => Object.assign(record, { size: forged.length, sha256 }));
}

async function putOver(rig: Rig, key: string): Promise<void> {
  const until = new Date(rig.now().getTime() + day);
  await rig.bucket.put(key, Buffer.from("something else"), { retention: { mode: "GOVERNANCE", until } });
}

/** Swaps two chunks of the same length, and lets another host store the same files. Only its backup is left. */
async function lieAndBuildOnIt(rig: Rig): Promise<void> {
  const key = await keyOf(rig, "index/");
  const [name = "", run = ""] = key
    .replace("index/", "")
    .replace(/\/.*-(.{8})\..*/, " $1")
    .split(" ");
  const stored = Buffer.concat(await Array.fromAsync(rig.bucket.get(key)));
  const lines = (await Array.fromAsync(decodeIndex(once(Bun.zstdDecompressSync(stored))))).map(swapped);
  const until = new Date(rig.now().getTime() + 60 * day);
  const lying = Bun.zstdCompressSync([...encodeIndex(name, run, lines)].join(""));
  await lose(rig, key);
  await rig.bucket.put(key, lying, { retention: { mode: "GOVERNANCE", until } });
  await rig.run({ name: "other", content: { shareWith: ["*"] } });
  await lose(rig, await keyOf(rig, "manifests/", root));
}

function swapped(line: IndexLine): IndexLine {
  if (!("frame" in line)) return line;
  const [object, offset, length, chunks] = line.frame;
  const twins = chunks.filter(([, size]) => size === 4_000);
  const [one, two] = twins;
  if (one === undefined || two === undefined) return line;
  const other = (chunk: (typeof chunks)[number]) => (chunk === one ? two : chunk === two ? one : chunk);
  return { frame: [object, offset, length, chunks.map(other)] };
}
