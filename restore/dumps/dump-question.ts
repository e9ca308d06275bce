/** Words the question whether a dump is replayed: what it is, where it is from, and what would be run. */
import type { ManifestHeader, SnapshotRef } from "../../core/format/manifest/manifest.ts";
import { shownCommand } from "./shown-command.ts";

/** What is said of a dump, and of the backup that it is from. */
export type DumpWords = Pick<SnapshotRef, "snapshotter" | "dump_size" | "description" | "exit" | "restore_through">;
export type DumpOrigin = Pick<ManifestHeader, "started" | "host" | "name">;

const mostOfDescription = 200;
const number = new Intl.NumberFormat("en");

/** Names a dump with its size, date and source. */
export function shownDump(snapshot: DumpWords, { started, host, name }: DumpOrigin): string {
  const { snapshotter, dump_size, description, exit } = snapshot;
  const taken = `${started.slice(0, 19).replace("T", " ")} UTC`;
  const from = host === name ? JSON.stringify(host) : `${JSON.stringify(host)}, backup ${JSON.stringify(name)}`;
  const failed = exit === 0 ? "" : ", although it is marked failed";
  return `snapshot ${JSON.stringify(snapshotter)}${described(description)} (${number.format(dump_size)} bytes of ${taken} from ${from})${failed}`;
}

function described(description: string | undefined): string {
  if (description === undefined || description === "") return "";
  const short = description.slice(0, mostOfDescription);
  return `, ${JSON.stringify(short)}${short.length < description.length ? "…" : ""},`;
}

export function replayQuestion(snapshot: DumpWords, header: DumpOrigin, command: string): string {
  return `Replay ${shownDump(snapshot, header)}, through: ${shownCommand(command)}`;
}
