/**
 * Remembers with which secret a backup is sealed. After a change, what is stored in the clear or under another secret is stored
 * again: nothing of it is known any more.
 */
import type { Database } from "bun:sqlite";
import { emptyState, fact, setFact } from "./database.ts";

const factName = "sealing";

/** `mark`: of the secret; empty for a backup that is not sealed. */
export function demandSealing(database: Database, mark: string): void {
  if ((fact(database, factName) ?? "") === mark) return;
  emptyState(database);
  setFact(database, factName, mark);
}
