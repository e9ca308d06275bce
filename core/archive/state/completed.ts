/** Notes the last run that put its root, for `doctor`: the role that archives may not look for manifests in the bucket. */
import type { Database } from "bun:sqlite";
import { fact, setFact } from "./database.ts";

const name = "completed";

/** Call once the root is there. Never throws: the backup exists, whether this is noted or not. */
export function noteCompleted(database: Database, started: Date): void {
  try {
    setFact(database, name, started.toISOString());
  } catch {
    // A full disk, say: `doctor` then goes by the index.
  }
}

/** Returns when that run started. */
export function lastCompleted(database: Database): Date | undefined {
  const noted = fact(database, name);
  return noted === undefined ? undefined : new Date(noted);
}
