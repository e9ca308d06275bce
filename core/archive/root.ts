/** Makes the root of the manifest from what the run stored. */
import { configDigest } from "../config/digest.ts";
import type { RunId } from "../format/keys.ts";
import type { Manifest, PartRef } from "../format/manifest.ts";
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
  readonly log: RunLog;
};

export function rootOf({ config, host, tool, now }: ArchiveJob, content: RootContent): Manifest {
  const { id, skew, plan, files, snapshots, log } = content;
  const sum = (figure: (part: PartRef) => number) => files.parts.reduce((total, part) => total + figure(part), 0);
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
    log: log.end(),
    totals: {
      entries: sum((part) => part.entries),
      files: files.counts.files,
      bytes: sum((part) => part.bytes),
      parts: files.parts.length,
      snapshots: snapshots.length,
      warnings: log.counts.warning,
      errors: log.counts.error,
      finished: now().toISOString(),
    },
  };
}
