/** Rigs with backups of s3-sysbackup, and what comes back of them. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { findManifest } from "../../../core/manifest/find.ts";
import { listBackups } from "../../../core/manifest/list.ts";
import { openManifest } from "../../../core/manifest/open.ts";
import type { Notice } from "../../../core/notice.ts";
import { exitOf, restore } from "../../../restore/restore.ts";
import type { LegacyBucket } from "../../support/legacy.ts";
import { Rig } from "../archive/rig.ts";

export async function rigWith() {
  const rig = await Rig.make();
  const place: LegacyBucket = { bucket: rig.bucket, now: rig.now };
  return { rig, place, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

export async function restored(rig: Rig, wanted: string, choice: "fetch" | "skip" = "skip") {
  const notices: Notice[] = [];
  const notify = (notice: Notice) => void notices.push(notice);
  const found = await findManifest(rig.bucket, wanted, { now: rig.now, notify });
  const manifest = await openManifest(rig.bucket, found, { notify });
  const target = join(rig.path, `target-${crypto.randomUUID()}`);
  const figures = await restore({
    bucket: rig.bucket,
    manifest,
    target,
    paths: [],
    numericOwner: false,
    snapshots: choice,
    ask: async () => false,
    notify,
    random: (length) => randomBytes(length),
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  const read = (path: string) => readFile(join(target, path));
  return { exit: exitOf(figures), figures, notices, target, read, manifest };
}

export const listed = (rig: Rig, name?: string) =>
  Array.fromAsync(listBackups({ bucket: rig.bucket, now: rig.now }, name));

/** Larger than what is looked at as a whole. */
export const long = Buffer.from("a line that is there many times\n".repeat(200_000));
export const noise = randomBytes(200_000);
