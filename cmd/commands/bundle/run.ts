import type { ArchiveSummary } from "../../../core/archive/archive.ts";
import type { Counts } from "../../../core/bucket/decorators/count.ts";
import type { BundleSection } from "../../../core/config/bundle-section.ts";
import { type Config, loadConfig } from "../../../core/config/config.ts";
import { sectionOfWords } from "../../../core/config/given-bundle.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";
import type { TableCounts } from "../../../core/table/contract.ts";
import type { RunSubcommand } from "../../io.ts";
import { requestsLine, tableWords } from "../../shared/requests.ts";
import { runArchive } from "../../shared/run-archive.ts";
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
  const { adopt: adoptBundles } = args;
  const wanted = { config: { ...config, bundles }, confDir, bundlesOnly: true, adoptBundles, insecurePickers: false };
  return runArchive({ ...wanted, lines: summaryLines }, io);
};

function summaryLines(summary: ArchiveSummary, counts: Counts, table: TableCounts): string[] {
  const { bundles, warnings, errors } = summary;
  const took = summary.finished.getTime() - summary.started.getTime();
  const state = warnings + errors === 0 ? "complete" : "incomplete";
  return [
    `backup ${summary.name} of ${moment(summary.started)}: ${state}, locked until ${moment(summary.retainUntil)}`,
    `  ${summary.key}`,
    `  ${counted(bundles.bundles, "bundle")} (${count(bundles.stored)} sent), ${count(summary.entries)} entries; ${bytes(bundles.bytesRead)} read, ${bytes(bundles.bytesStored)} stored`,
    `  requests: ${requestsLine(counts)}${tableWords(table)}; ${bytes(counts.sent)} sent; took ${duration(took)}`,
  ];
}

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
