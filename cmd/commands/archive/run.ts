import type { ArchiveSummary } from "../../../core/archive/archive.ts";
import { loadConfig } from "../../../core/config/config.ts";
import type { RunSubcommand } from "../../io.ts";
import { archiveLines, bundlesLine } from "../../shared/archive-lines.ts";
import type { RunRequests } from "../../shared/requests.ts";
import { runArchive } from "../../shared/run-archive.ts";
import { bytes, count, counted } from "../../terminal/format.ts";
import type { ArchiveArgs } from "./arguments.ts";

export const run: RunSubcommand<ArchiveArgs> = async ({ confDir, name, bucket, insecurePickers }, io) => {
  const config = await loadConfig({ confDir, hostName: io.hostName, name, bucket });
  return runArchive(
    { config, confDir, bundlesOnly: false, adoptBundles: false, insecurePickers, lines: summaryLines },
    io,
  );
};

function summaryLines(summary: ArchiveSummary, requests: RunRequests): string[] {
  const { files, others, unchanged, changed } = summary;
  return archiveLines(summary, requests, [
    `${counted(files, "file")} (${count(summary.new)} new, ${count(changed)} changed, ${count(unchanged)} unchanged), ${bytes(summary.bytes)}; ${counted(others, "other entry", "other entries")}; ${counted(summary.snapshots, "snapshot")}`,
    `${bytes(summary.bytesRead)} read, ${bytes(summary.bytesStored)} stored in ${counted(summary.objectsStored, "object")}, ${counted(summary.extended, "lock")} extended`,
    ...(summary.bundles.bundles === 0 ? [] : [bundlesLine(summary)]),
  ]);
}
