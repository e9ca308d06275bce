/**
 * Remembers the mode in which all is locked that this state stored or looked up. After a change of `lock_mode` to the stricter
 * one, what was locked before is not as the manifest promises, however long it is locked.
 */
import type { Database } from "bun:sqlite";
import type { LockMode } from "../../format/lock-mode.ts";
import { inTransaction } from "../../system/transaction.ts";
import { fact, setFact } from "./database.ts";
import { ObjectTable } from "./tables/objects.ts";

const factName = "lock_mode";

/** Makes all locks of a weaker mode than `mode` count as too short for a promise until `promisedUntil`. */
export async function demandMode(database: Database, mode: LockMode, promisedUntil: Date): Promise<void> {
  if (fact(database, factName) === mode) return;
  await inTransaction(database, async () => {
    if (mode === "COMPLIANCE") new ObjectTable(database).shorten(promisedUntil);
    setFact(database, factName, mode);
  });
}
