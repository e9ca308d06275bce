/** Runs the archive job for a subcommand: connects, shows progress, and prints what came of it. */
import { join } from "node:path";
import { type ArchiveSummary, archive } from "../../core/archive/archive.ts";
import type { Config } from "../../core/config/config.ts";
import { type ExitStatus, exitStatus } from "../../core/failure.ts";
import packageJson from "../../package.json" with { type: "json" };
import type { CommandIO } from "../io.ts";
import { connect } from "./connect.ts";
import type { RunRequests } from "./requests.ts";
import { useRecipients } from "./sealing.ts";
import { signingKeyOf } from "./signing.ts";

export type ArchiveRun = {
  readonly config: Config;
  readonly confDir: string;
  readonly bundlesOnly: boolean;
  readonly adoptBundles: boolean;
  readonly insecurePickers: boolean;
  /** What is printed without `--json`. */
  readonly lines: (summary: ArchiveSummary, requests: RunRequests) => readonly string[];
};

export async function runArchive(wanted: ArchiveRun, io: CommandIO): Promise<ExitStatus> {
  const { config, confDir, bundlesOnly, adoptBundles, insecurePickers, lines } = wanted;
  const { bucket, counts, tables } = await connect(config, io);
  try {
    const sealing = await useRecipients(config, io);
    const signingKey = await signingKeyOf(config, io);
    const summary = await archive({
      config,
      bucket,
      openTable: tables.open,
      pickersDir: join(confDir, "pickers.d"),
      snapshotsDir: join(confDir, "snapshots.d"),
      bundlesOnly,
      adoptBundles,
      insecurePickers,
      environment: process.env,
      host: io.hostName,
      ...sealing,
      signingKey,
      tool: `sysbackup ${packageJson.version}`,
      now: io.now,
      random: io.random,
      sleep: Bun.sleep,
      notify: io.notify,
      progress: (files, totalFiles, doneBytes) =>
        io.progress.update({ files, doneBytes, ...(!bundlesOnly && { totalFiles }) }),
      signal: io.signal,
    });
    io.progress.end();
    const table = tables.counts;
    const document = { ...summary, requests: counts, ...(table.requests > 0 && { table }) };
    for (const line of io.json ? [JSON.stringify(document)] : lines(summary, { counts, table })) io.out(line);
    return summary.warnings + summary.errors > 0 ? exitStatus.incomplete : exitStatus.done;
  } finally {
    io.progress.end();
    tables.close();
    await bucket.close();
  }
}
