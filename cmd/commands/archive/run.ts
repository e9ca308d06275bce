import { join } from "node:path";
import { type ArchiveSummary, archive } from "../../../core/archive/archive.ts";
import type { Counts } from "../../../core/bucket/decorators/count.ts";
import { loadConfig } from "../../../core/config/config.ts";
import { exitStatus } from "../../../core/failure.ts";
import packageJson from "../../../package.json" with { type: "json" };
import type { RunSubcommand } from "../../io.ts";
import { connect } from "../../shared/connect.ts";
import { requestsLine } from "../../shared/requests.ts";
import { bytes, count, counted, duration, moment } from "../../terminal/format.ts";
import type { ArchiveArgs } from "./arguments.ts";

export const run: RunSubcommand<ArchiveArgs> = async ({ confDir, name, bucket: override, insecurePickers }, io) => {
  const config = await loadConfig({ confDir, hostName: io.hostName, name, bucket: override });
  const { bucket, counts } = await connect(config, io);
  try {
    const summary = await archive({
      config,
      bucket,
      pickersDir: join(confDir, "pickers.d"),
      snapshotsDir: join(confDir, "snapshots.d"),
      bundlesOnly: false,
      insecurePickers,
      host: io.hostName,
      filters: [],
      tool: `sysbackup ${packageJson.version}`,
      now: io.now,
      random: io.random,
      sleep: Bun.sleep,
      notify: io.notify,
      progress: (files, totalFiles, doneBytes) => io.progress.update({ files, totalFiles, doneBytes }),
      signal: io.signal,
    });
    io.progress.end();
    for (const line of io.json ? [JSON.stringify({ ...summary, requests: counts })] : summaryLines(summary, counts)) {
      io.out(line);
    }
    return summary.warnings + summary.errors > 0 ? exitStatus.incomplete : exitStatus.done;
  } finally {
    io.progress.end();
    await bucket.close();
  }
};

function summaryLines(summary: ArchiveSummary, counts: Counts): string[] {
  const { files, others, unchanged, changed, warnings, errors } = summary;
  const took = summary.finished.getTime() - summary.started.getTime();
  const state = warnings + errors === 0 ? "complete" : "incomplete";
  const { bundles } = summary;
  const bundled =
    bundles.bundles === 0
      ? []
      : [
          `  ${counted(bundles.bundles, "bundle")} (${count(bundles.stored)} sent), ${bytes(bundles.bytesRead)} read, ${bytes(bundles.bytesStored)} stored`,
        ];
  const trouble =
    warnings + errors === 0
      ? []
      : [`  ${counted(warnings, "warning")}, ${counted(errors, "error")}: listed above and in the manifest`];
  return [
    `backup ${summary.name} of ${moment(summary.started)}: ${state}, locked until ${moment(summary.retainUntil)}`,
    `  ${summary.key}`,
    `  ${counted(files, "file")} (${count(summary.new)} new, ${count(changed)} changed, ${count(unchanged)} unchanged), ${bytes(summary.bytes)}; ${counted(others, "other entry", "other entries")}; ${counted(summary.snapshots, "snapshot")}`,
    `  ${bytes(summary.bytesRead)} read, ${bytes(summary.bytesStored)} stored in ${counted(summary.objectsStored, "object")}, ${counted(summary.extended, "lock")} extended`,
    ...bundled,
    `  requests: ${requestsLine(counts)}; ${bytes(counts.sent)} sent; took ${duration(took)}`,
    ...trouble,
  ];
}
