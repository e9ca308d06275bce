/** Prunes and renewals of a rig's bucket. */
import type { Bucket } from "../../../core/bucket/contract.ts";
import { findRoots } from "../../../core/steward/kept.ts";
import type { Policy } from "../../../core/steward/policy.ts";
import { type PruneBucket, type PruneSummary, prune } from "../../../core/steward/prune.ts";
import { type RenewSummary, renew } from "../../../core/steward/renew.ts";
import type { Fate } from "../../../core/steward/tally.ts";
import type { Rig, RigRun } from "../archive/rig.ts";
import { notebook } from "../archive/scripts.ts";

export type Pruned = PruneSummary & {
  readonly heard: readonly string[];
  /** Objects of each kind with this fate: `{ pack: 2 }`. */
  of(fate: Fate): Record<string, number>;
};

export type PruneOptions = {
  readonly name?: string;
  readonly bucket?: PruneBucket;
  readonly now?: () => Date;
  readonly giveUp?: readonly string[];
};

export async function pruneRig(rig: Rig, policy: Policy, options: PruneOptions = {}): Promise<Pruned> {
  const { heard, notify } = notebook();
  const summary = await prune({
    bucket: options.bucket ?? rig.bucket,
    names: options.name === undefined ? undefined : [options.name],
    policy,
    giveUp: options.giveUp ?? [],
    now: options.now ?? rig.now,
    notify,
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  const of = (fate: Fate) => {
    const counts: Record<string, number> = {};
    for (const row of summary.tally.rows()) {
      if (row[fate].objects > 0) counts[row.kind] = (counts[row.kind] ?? 0) + row[fate].objects;
    }
    return counts;
  };
  return { ...summary, heard, of };
}

export async function renewRig(
  rig: Rig,
  policy: Policy,
  options: {
    readonly names?: readonly string[];
    readonly days?: number;
    readonly mostDays?: number;
    readonly bucket?: Bucket;
  } = {},
): Promise<RenewSummary & { readonly heard: readonly string[] }> {
  const { heard, notify } = notebook();
  const { roots } = await findRoots(options.bucket ?? rig.bucket);
  const summary = await renew({
    bucket: options.bucket ?? rig.bucket,
    roots,
    names: options.names ?? [...new Set(roots.map(({ name }) => name))],
    policy,
    days: options.days,
    mostDays: options.mostDays ?? 400,
    now: rig.now,
    notify,
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  return { ...summary, heard };
}

/** Whether root, parts and content of a run are there as the manifest says, and its files are these. */
export async function isWhole(rig: Rig, run: RigRun, files: Readonly<Record<string, Buffer>>): Promise<boolean> {
  const { key, version } = run.summary;
  if ((await rig.bucket.head(key, version)) === undefined) return false;
  await run.backup.lockedUntil();
  for (const part of run.backup.manifest.parts) {
    if ((await rig.bucket.head(part.key, part.version)) === undefined) return false;
  }
  for (const [name, content] of Object.entries(files)) {
    const read = await run.backup.read(rig.file(name)).catch(() => undefined);
    if (read === undefined || !read.equals(content)) return false;
  }
  return true;
}
