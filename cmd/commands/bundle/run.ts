import type { ArchiveSummary } from "../../../core/archive/archive.ts";
import type { BundleSection } from "../../../core/config/bundle-section.ts";
import { type Config, loadConfig } from "../../../core/config/config.ts";
import { sectionOfWords } from "../../../core/config/given-bundle.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";
import type { RunSubcommand } from "../../io.ts";
import { archiveLines, bundlesLine } from "../../shared/archive-lines.ts";
import type { RunRequests } from "../../shared/requests.ts";
import { runArchive } from "../../shared/run-archive.ts";
import { counted } from "../../terminal/format.ts";
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

function summaryLines(summary: ArchiveSummary, requests: RunRequests): string[] {
  return archiveLines(summary, requests, [`${counted(summary.entries, "entry", "entries")}; ${bundlesLine(summary)}`]);
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
