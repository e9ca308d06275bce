/** Makes the root of the manifest from what the run stored. */
import { configDigest } from "../config/digest.ts";
import { Failure, reasonOf } from "../failure.ts";
import type { RunId } from "../format/keys.ts";
import { decodeManifest, encodeManifest, type Manifest, type PartRef } from "../format/manifest.ts";
import { once } from "../stored/bytes.ts";
import type { ArchiveJob } from "./job.ts";
import type { RetentionPlan } from "./locks/retention.ts";
import type { RunLog } from "./manifest/run-log.ts";
import type { StoredFiles } from "./store-files.ts";

type RootContent = {
  readonly id: RunId;
  readonly skew: number | undefined;
  readonly plan: RetentionPlan;
  readonly files: StoredFiles;
  readonly snapshots: Manifest["snapshots"];
  readonly bundles: Manifest["bundles"];
  readonly log: RunLog;
};

export function rootOf({ config, host, tool, now }: ArchiveJob, content: RootContent): Manifest {
  const { id, skew, plan, files, snapshots, bundles, log } = content;
  const parts = [...files.parts, ...bundles.flatMap(({ table }) => table)];
  const sum = (figure: (part: PartRef) => number) => parts.reduce((total, part) => total + figure(part), 0);
  return {
    header: {
      name: config.backup.name,
      host,
      run: id.run,
      started: id.start.toISOString(),
      ...(skew !== undefined && { clock_skew: skew }),
      tool,
      config: configDigest(config),
      retain_until: files.promisedUntil.toISOString(),
      lock_mode: plan.retention.mode,
      layout: config.content.layout,
      sealing: null,
    },
    parts: files.parts,
    snapshots,
    bundles,
    log: log.end(),
    totals: {
      entries: sum((part) => part.entries),
      files: bundles.reduce((total, bundle) => total + bundle.files, files.counts.files),
      bytes: sum((part) => part.bytes),
      parts: files.parts.length,
      snapshots: snapshots.length,
      ...(bundles.length > 0 && { bundles: bundles.length }),
      warnings: log.counts.warning,
      errors: log.counts.error,
      finished: now().toISOString(),
    },
  };
}

/** Returns what is to be stored. Throws a Failure for what readers would refuse: that is no backup. */
export async function textOfRoot(manifest: Manifest): Promise<Buffer> {
  const text = Buffer.from(encodeManifest(manifest));
  try {
    await decodeManifest(once(text));
    return text;
  } catch (cause) {
    throw new Failure({
      doing: "store the manifest of",
      what: manifest.header.name,
      why: `every reader would refuse it: ${reasonOf(cause)}`,
      remedy: "report this as a defect; what was stored is used by the next run",
      cause,
    });
  }
}
