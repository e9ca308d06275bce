/** The lines that `archive` and `bundle` both end with; each adds what it counts. */
import type { ArchiveSummary } from "../../core/archive/archive.ts";
import { bytes, count, counted, duration, moment } from "../terminal/format.ts";
import { type RunRequests, requestsLine, tableWords } from "./requests.ts";

export function archiveLines(summary: ArchiveSummary, requests: RunRequests, added: readonly string[]): string[] {
  const { counts, table } = requests;
  const took = summary.finished.getTime() - summary.started.getTime();
  return [
    `backup ${summary.name} of ${moment(summary.started)}: ${isComplete(summary) ? "complete" : "incomplete"}, locked until ${moment(summary.retainUntil)}`,
    `  ${summary.key}`,
    ...added.map((line) => `  ${line}`),
    `  requests: ${requestsLine(counts)}${tableWords(table)}; ${bytes(counts.sent)} sent; took ${duration(took)}`,
    ...troubleLines(summary),
  ];
}

export function bundlesLine({ bundles }: ArchiveSummary): string {
  return `${counted(bundles.bundles, "bundle")} (${count(bundles.stored)} sent), ${bytes(bundles.bytesRead)} read, ${bytes(bundles.bytesStored)} stored`;
}

function troubleLines(summary: ArchiveSummary): string[] {
  if (isComplete(summary)) return [];
  const { warnings, errors } = summary;
  return [`  ${counted(warnings, "warning")}, ${counted(errors, "error")}: listed above and in the manifest`];
}

function isComplete({ warnings, errors }: ArchiveSummary): boolean {
  return warnings + errors === 0;
}
