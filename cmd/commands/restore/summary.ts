/** The lines that sum up a restore. */
import type { Counts } from "../../../core/bucket/decorators/count.ts";
import type { Manifest } from "../../../core/format/manifest/manifest.ts";
import type { Figures } from "../../../restore/report/report.ts";
import { requestsLine } from "../../shared/requests.ts";
import { bytes, count, counted, duration, moment } from "../../terminal/format.ts";

export function summaryLines(
  { header }: Manifest,
  target: string,
  figures: Figures,
  counts: Counts,
  took: number,
): string[] {
  const { files, folders, links, hardLinks, nodes, unchanged, kept, removed, salvaged, warnings, errors, damaged } =
    figures;
  const replayed = figures.snapshotsReplayed;
  const fetched = figures.snapshotsFetched;
  const state = warnings + errors === 0 ? "complete" : "incomplete";
  const kinds = [
    counted(folders, "folder"),
    counted(links, "link"),
    counted(hardLinks, "hard link"),
    ...(nodes === 0 ? [] : [counted(nodes, "fifo or device", "fifos and devices")]),
  ];
  return [
    `restored ${header.name} of ${moment(new Date(header.started))} into ${JSON.stringify(target)}: ${state}`,
    `  ${counted(files, "file")}, ${bytes(figures.bytes)} written; ${kinds.join(", ")}; ${count(unchanged)} left alone as they were`,
    ...(figures.localBytes === 0 ? [] : [`  ${bytes(figures.localBytes)} lay on this machine already`]),
    ...(kept === 0 ? [] : [`  ${count(kept)} not replaced, as --overwrite says`]),
    ...(removed === 0 ? [] : [`  ${count(removed)} removed that the backup does not have`]),
    ...(salvaged === 0 ? [] : [`  ${count(salvaged)} taken from other backups, as named above`]),
    ...(replayed + fetched === 0 ? [] : [`  ${counted(replayed, "snapshot")} replayed, ${count(fetched)} fetched`]),
    `  requests: ${requestsLine(counts)}; ${bytes(counts.received)} received; took ${duration(took)}`,
    ...(warnings + errors === 0
      ? []
      : [
          `  ${counted(warnings, "warning")}, ${counted(errors, "error")} (${count(damaged)} by damage in the bucket): listed above`,
        ]),
  ];
}
