/**
 * Notes the last run that put its root: the role that archives may not look for manifests in the bucket. `doctor` asks when it was, the
 * next root names it, and `verify` on this machine finds out whether it is still there.
 */
import type { Database } from "bun:sqlite";
import { type PreviousBackup, previousBackup } from "../../../format/manifest/chain.ts";
import { fact, lastRootFact, setFact } from "../database.ts";

const name = "completed";

/** Call once the root is there. Never throws: the backup exists, whether this is noted or not. */
export function noteCompleted(database: Database, started: Date, root: PreviousBackup): void {
  try {
    setFact(database, name, started.toISOString());
    setFact(database, lastRootFact, JSON.stringify(root));
  } catch {
    // A full disk, say: `doctor` then goes by the index.
  }
}

/** Returns when that run started. */
export function lastCompleted(database: Database): Date | undefined {
  const noted = fact(database, name);
  return noted === undefined ? undefined : new Date(noted);
}

/** Returns the root that it put; undefined if none is noted, or what is noted cannot be read. */
export function lastRoot(database: Database): PreviousBackup | undefined {
  const noted = fact(database, lastRootFact);
  if (noted === undefined) return undefined;
  try {
    return previousBackup.parse(JSON.parse(noted));
  } catch {
    return undefined;
  }
}
