/** Snapshotters: executables that dump what cannot be backed up as files, such as databases, straight into the bucket. */
import { BucketError } from "../../bucket/contract.ts";
import { isFatal } from "../../bucket/fatal.ts";
import { snapshotterNames } from "../../format/keys/keys.ts";
import type { SnapshotRef } from "../../format/manifest/manifest.ts";
import { fromText } from "../../format/path.ts";
import type { Notify } from "../../notice.ts";
import { type Executable, findExecutables } from "../executables/find.ts";
import { type DumpName, NotStarted, type ReportSnapshotter, type SnapshotDeps, takeSnapshot } from "./snapshot.ts";

export type SnapshotsDeps = SnapshotDeps & {
  /** Usually `snapshots.d`. */
  readonly folder: string;
  /** The user whose rights they get: what others can change is then not run. */
  readonly privileged?: number | undefined;
  readonly notify: Notify;
  /** Names of the dumps that are taken; undefined: all. */
  readonly only?: ReadonlySet<string>;
};

/**
 * Runs the snapshotters of the folder and stores what they dump: one after the other, since dumps that run side by side
 * slow down the databases that they come from. What goes wrong with one is a notice. Throws a BucketError that the next
 * one would meet too, what a filter throws, and the reason of `signal` when it fires; neither leaves an unfinished upload.
 */
export async function takeSnapshots(options: SnapshotsDeps): Promise<SnapshotRef[]> {
  const { folder, privileged, notify, only, ...deps } = options;
  const refs: SnapshotRef[] = [];
  const snapshotters = await findExecutables(folder, "snapshotter", notify, privileged);
  const names = snapshotterNames(snapshotters.map(({ name }) => fromText(name)));
  for (const [number, snapshotter] of snapshotters.entries()) {
    deps.signal?.throwIfAborted();
    const dumpName = names[number] ?? "";
    if (only?.has(dumpName) === false) continue;
    const ref = await tryToTake(snapshotter, { ...deps, dumpName }, notify);
    if (ref !== undefined) refs.push(ref);
  }
  return refs;
}

/** Returns whether the next snapshotter would meet the error too. */
const endsAll = (error: BucketError) => isFatal(error) || error.kind === "no-lock";

async function tryToTake({ name, path }: Executable, deps: SnapshotDeps & DumpName, notify: Notify) {
  const report: ReportSnapshotter = (level, code, what) =>
    notify({ level, code, message: `snapshotter ${JSON.stringify(name)} ${what}` });
  try {
    return await takeSnapshot({ name, path }, deps, report);
  } catch (error) {
    deps.signal?.throwIfAborted();
    if (error instanceof NotStarted) report("error", "snapshotter-failed", `cannot be started: ${error.message}`);
    else if (!(error instanceof BucketError) || endsAll(error)) throw error;
    else report("error", "snapshot-not-stored", `was ended, because its dump cannot be stored: ${error.message}`);
    return undefined;
  }
}
