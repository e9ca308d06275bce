/** Reads a database dump of a backup. */
import { exitStatus, Failure } from "../../core/failure.ts";
import { distinct } from "../../core/format/keys/keys.ts";
import type { SnapshotRef } from "../../core/format/manifest/manifest.ts";
import { readTwice } from "../../core/stored/second-read.ts";
import { type DumpSource, dumpOf, lossOfDump } from "../dumps/dump-content.ts";
import type { VerifiedBytes } from "./content.ts";

/** Returns the names by which dumps are asked for, in their order: those of their snapshotters, each its own. */
export function dumpNames(snapshots: readonly SnapshotRef[]): string[] {
  return distinct(snapshots.map(({ snapshotter }) => snapshotter));
}

/** Throws a Failure if the backup has no dump of this name. */
export function dumpNamed(snapshots: readonly SnapshotRef[], name: string): SnapshotRef {
  const names = dumpNames(snapshots);
  const found = snapshots[names.indexOf(name)];
  if (found !== undefined) return found;
  throw new Failure({
    doing: "find the database dump",
    what: name,
    why: names.length === 0 ? "the backup has none" : `the backup has ${names.slice(0, 10).join(", ")}`,
    remedy: "a path begins with a slash",
    exit: exitStatus.usage,
  });
}

/** Yields a dump, verified as a whole before its first byte, and verified again while it is given out. Throws a Failure if it is lost. */
export async function* verifiedDump(source: DumpSource, snapshot: SnapshotRef, signal: AbortSignal): VerifiedBytes {
  try {
    await readTwice(async () => {
      for await (const _ of dumpOf(snapshot, source)) signal.throwIfAborted();
    });
    yield* dumpOf(snapshot, source);
  } catch (error) {
    signal.throwIfAborted();
    const { why, remedy, damage } = lossOfDump(error, snapshot);
    const exit = damage ? exitStatus.damaged : exitStatus.failed;
    throw new Failure({ doing: "read the snapshot", what: snapshot.snapshotter, why, remedy, exit, cause: error });
  }
}
