import { exitStatus } from "../../../core/failure.ts";
import { filtersOf } from "../../../core/format/codecs/encoding.ts";
import { encodeBytes } from "../../../core/format/lines/bytes-json.ts";
import type { BundleRef, Manifest, SnapshotRef } from "../../../core/format/manifest/manifest.ts";
import { fingerprintOf } from "../../../core/format/ssh/ssh-key.ts";
import type { Found } from "../../../core/manifest/find.ts";
import { bundlesInOrder } from "../../../core/manifest/part-lists.ts";
import { nameOf } from "../../../core/manifest/read.ts";
import { dumpNames } from "../../../restore/browse/dump.ts";
import { shownCommand } from "../../../restore/dumps/shown-command.ts";
import type { RunSubcommand } from "../../io.ts";
import { browse } from "../../shared/browse.ts";
import { shownPath } from "../../shared/shown-path.ts";
import { bytes, count, counted, duration, moment } from "../../terminal/format.ts";
import type { ShowArgs } from "./arguments.ts";

export const run: RunSubcommand<ShowArgs> = ({ manifest: wanted, ...access }, io) =>
  browse(access, io, async ({ open }) => {
    const { found, manifest } = await open(wanted);
    const lines = io.json ? [JSON.stringify(documentOf(found, manifest))] : linesOf(found, manifest);
    for (const line of lines) io.out(line);
    return exitStatus.done;
  });

function documentOf(found: Found, manifest: Manifest): object {
  const { header, parts, snapshots, log, totals } = manifest;
  const names = dumpNames(snapshots);
  return {
    manifest: nameOf(found),
    ...("stored" in found && { stored: found.stored }),
    header,
    ...(manifest.proof?.signedBy !== undefined && { signed_by: manifest.proof.signedBy }),
    totals,
    parts: parts.length,
    bundles: bundlesInOrder(manifest).map(({ path, table, ...bundle }) => ({
      ...encodeBytes("path", path),
      ...bundle,
      table: table.length,
    })),
    snapshots: snapshots.map((snapshot, number) => ({ dump: names[number], ...snapshot })),
    log,
  };
}

function* linesOf(found: Found, manifest: Manifest): Generator<string> {
  const { header, totals, snapshots, log } = manifest;
  const { warnings, errors } = totals;
  const state =
    warnings + errors === 0
      ? "complete"
      : `incomplete (${counted(warnings, "warning")}, ${counted(errors, "error")}: see the log)`;
  yield `${header.name} of ${moment(new Date(header.started))}: ${state}`;
  yield `  ${"key" in found ? "key" : "file"}: ${nameOf(found)}`;
  yield `  made on ${header.host} by ${header.tool}, layout ${header.layout}, in ${tookOf(manifest)}`;
  if ("stored" in found) yield `  stored by the server's clock: ${moment(found.stored)}`;
  const signedBy = manifest.proof?.signedBy;
  if (signedBy !== undefined) yield `  signed by ${fingerprintOf(signedBy)}: ${signedBy}`;
  yield `  promised: locked until ${moment(new Date(header.retain_until))} (${header.lock_mode})`;
  yield `  ${counted(totals.entries, "entry", "entries")}, ${counted(totals.files, "file")}, ${bytes(totals.bytes)}; ${counted(manifest.parts.length, "part")} of the manifest`;
  if (manifest.bundles.length > 0) yield "bundles";
  for (const bundle of bundlesInOrder(manifest)) yield bundleLine(bundle);
  if (snapshots.length > 0) yield "database dumps";
  const names = dumpNames(snapshots);
  for (const [number, snapshot] of snapshots.entries()) yield* dumpLines(snapshot, names[number] ?? "");
  if (log.length > 0) yield "log";
  for (const { level, code, message, at } of log) yield `  ${moment(new Date(at))}  ${level}  ${code}: ${message}`;
  const left = warnings + errors - log.filter(({ level }) => level !== "info").length;
  if (left > 0) yield `  and ${count(left)} more, which are not kept`;
}

function bundleLine({ path, above, files, size, storage_class, encoding, key }: BundleRef): string {
  const what = above ? "what lies above the others in" : "of";
  const sealed = filtersOf(encoding).length > 0 ? ", sealed" : "";
  return `  ${what} ${shownPath(path)}: ${counted(files, "file")}, ${bytes(size)} in ${storage_class}${sealed}: ${key}`;
}

function tookOf({ header, totals }: Manifest): string {
  return duration(Math.max(0, new Date(totals.finished).getTime() - new Date(header.started).getTime()));
}

function* dumpLines(snapshot: SnapshotRef, name: string): Generator<string> {
  const { dump_size, exit, description, restore_through } = snapshot;
  const state = exit === 0 ? "" : ", marked failed: it may not be whole";
  yield `  ${name}: ${bytes(dump_size)}${state}${description === undefined ? "" : ` (${description})`}`;
  if (restore_through !== undefined) yield `    replayed through: ${shownCommand(restore_through)}`;
}
