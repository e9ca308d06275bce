import { join } from "node:path";
import { archive } from "../../../core/archive/archive.ts";
import type { BundleSection } from "../../../core/config/bundle-section.ts";
import { type Config, loadConfig } from "../../../core/config/config.ts";
import { sectionOfWords } from "../../../core/config/given-bundle.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";
import packageJson from "../../../package.json" with { type: "json" };
import type { RunSubcommand } from "../../io.ts";
import { connect } from "../../shared/connect.ts";
import { requestsLine } from "../../shared/requests.ts";
import { bytes, count, counted, duration, moment } from "../../terminal/format.ts";
import type { BundleArgs } from "./arguments.ts";

export const run: RunSubcommand<BundleArgs> = async (args, io) => {
  const { confDir, name, bucket: override, given, cachePath } = args;
  const sources = { confDir, hostName: io.hostName, name, bucket: override, confOptional: given !== undefined };
  const config = await loadConfig(sources);
  const bundles = given === undefined ? chosen(config, args.sections) : [sectionOfWords(given)];
  if (cachePath) {
    const message = "--cache-path is not needed: bundles are sent while they are made, and nothing is written to disk";
    io.notify({ level: "info", code: "option-ignored", message });
  }
  const { bucket, counts } = await connect(config, io);
  try {
    const summary = await archive({
      config: { ...config, bundles },
      bucket,
      pickersDir: join(confDir, "pickers.d"),
      snapshotsDir: join(confDir, "snapshots.d"),
      bundlesOnly: true,
      insecurePickers: false,
      host: io.hostName,
      filters: [],
      tool: `sysbackup ${packageJson.version}`,
      now: io.now,
      random: io.random,
      sleep: Bun.sleep,
      notify: io.notify,
      progress: (files, _, doneBytes) => io.progress.update({ files, doneBytes }),
      signal: io.signal,
    });
    io.progress.end();
    const { bundles: stored, warnings, errors } = summary;
    const took = summary.finished.getTime() - summary.started.getTime();
    const state = warnings + errors === 0 ? "complete" : "incomplete";
    const lines = [
      `backup ${summary.name} of ${moment(summary.started)}: ${state}, locked until ${moment(summary.retainUntil)}`,
      `  ${summary.key}`,
      `  ${counted(stored.bundles, "bundle")} (${count(stored.stored)} sent), ${count(summary.entries)} entries; ${bytes(stored.bytesRead)} read, ${bytes(stored.bytesStored)} stored`,
      `  requests: ${requestsLine(counts)}; ${bytes(counts.sent)} sent; took ${duration(took)}`,
    ];
    for (const line of io.json ? [JSON.stringify({ ...summary, requests: counts })] : lines) io.out(line);
    return warnings + errors > 0 ? exitStatus.incomplete : exitStatus.done;
  } finally {
    io.progress.end();
    await bucket.close();
  }
};

function chosen({ bundles }: Config, names: readonly string[]): readonly BundleSection[] {
  if (names.length === 0) return bundles;
  const unknown = names.find((name) => !bundles.some((one) => one.name === name));
  if (unknown === undefined) return bundles.filter(({ name }) => names.includes(name));
  throw new Failure({
    doing: "store the bundles of",
    what: unknown,
    why: "conf has no such section [bundle NAME]",
    remedy:
      bundles.length === 0 ? "docs/bundling.md shows one" : `known are ${bundles.map(({ name }) => name).join(", ")}`,
    exit: exitStatus.usage,
  });
}
