import type { ArchiveSummary } from "../../../core/archive/archive.ts";
import type { Counts } from "../../../core/bucket/decorators/count.ts";
import { loadConfig } from "../../../core/config/config.ts";
import type { TableCounts } from "../../../core/table/contract.ts";
import type { RunSubcommand } from "../../io.ts";
import { requestsLine, tableWords } from "../../shared/requests.ts";
import { runArchive } from "../../shared/run-archive.ts";
import { bytes, count, counted, duration, moment } from "../../terminal/format.ts";
import type { ArchiveArgs } from "./arguments.ts";

export const run: RunSubcommand<ArchiveArgs> = async ({ confDir, name, bucket, insecurePickers }, io) => {
  const config = await loadConfig({ confDir, hostName: io.hostName, name, bucket });
  return runArchive(
    { config, confDir, bundlesOnly: false, adoptBundles: false, insecurePickers, lines: summaryLines },
    io,
  );
};

function summaryLines(summary: ArchiveSummary, counts: Counts, table: TableCounts): string[] {
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
    `  requests: ${requestsLine(counts)}${tableWords(table)}; ${bytes(counts.sent)} sent; took ${duration(took)}`,
    ...trouble,
  ];
}
