/** A bucket with an old and a new backup, and what somebody who may store puts beside them. */
import { expect } from "bun:test";
import { zstdDecompressSync } from "node:zlib";
import { stampOf } from "../../../core/format/keys/keys.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../../core/format/manifest/manifest.ts";
import { once } from "../../../core/stored/bytes.ts";
import { noise } from "../archive/noise.ts";
import { day, Rig, type RigRun } from "../archive/rig.ts";
import { isWhole, type pruneRig } from "./support.ts";

const first = noise(50_000, 1);
export const second = noise(50_000, 2);

/** Two backups with a pack each; nothing of the first is locked any more. What an attacker puts is locked for ten years. */
export async function oldAndNew() {
  const rig = await Rig.make();
  await rig.write("file", first);
  const older = await rig.run();
  rig.ahead += 30 * day;
  await rig.write("file", second);
  const newer = await rig.run();
  rig.ahead += 8 * day;
  const retention = { mode: "COMPLIANCE", until: new Date(rig.now().getTime() + 3650 * day) } as const;
  const put = (key: string, body: Uint8Array | string) => rig.bucket.put(key, Buffer.from(body), { retention });
  return { rig, older, newer, put, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

export type Sample = Awaited<ReturnType<typeof oldAndNew>>;

export async function rootOf(rig: Rig, { summary: { key, version } }: RigRun): Promise<Manifest> {
  return decodeManifest(
    once(zstdDecompressSync(Buffer.concat(await Array.fromAsync(rig.bucket.get(key, { version }))))),
  );
}

export function keyAt(rig: Rig, name = "host", run = "00000000"): string {
  return `manifests/${name}/${stampOf(rig.now())}-${run}.jsonl.zst`;
}

/** A root of `name` with good dates, and what `change` makes of it. */
export async function forged(sample: Sample, name: string, change = (plain: Manifest): Manifest => plain) {
  const { rig, newer, put } = sample;
  const plain = await rootOf(rig, newer);
  const started = new Date(Math.floor(rig.now().getTime() / 1000) * 1000).toISOString();
  const header = { ...plain.header, name, run: "00000000", started };
  const manifest = change({ ...plain, header, totals: { ...plain.totals, finished: started } });
  const stored = await put(keyAt(rig, name), Bun.zstdCompressSync(encodeManifest(manifest)));
  return { ...stored, manifest };
}

/** The first backup went, with its pack, and the second is whole. */
export async function expectPruned(
  { rig, older, newer }: Sample,
  pruned: Awaited<ReturnType<typeof pruneRig>>,
): Promise<void> {
  expect(pruned.backups).toContainEqual(expect.objectContaining({ key: older.summary.key, fate: "removed" }));
  expect(pruned.of("removed")).toMatchObject({ root: 1, pack: 1 });
  expect(pruned.of("held")).toEqual({});
  expect(await isWhole(rig, newer, { file: second })).toBe(true);
}

export const newerRoot = Bun.zstdCompressSync(Buffer.from('{"format":"sysbackup-manifest","version":9}\n'));

export async function expectPrunedLater(
  { rig, newer }: Sample,
  pruned: Awaited<ReturnType<typeof pruneRig>>,
): Promise<void> {
  expect(pruned.of("removed")).toMatchObject({ pack: 1 });
  expect(await isWhole(rig, newer, { file: second })).toBe(true);
}
