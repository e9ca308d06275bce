/** Notes that the bucket of this state keeps locks, so that it is proved only once. A state belongs to one bucket. */
import type { Database } from "bun:sqlite";
import type { LockMode } from "../../format/lock-mode.ts";
import { fact, setFact } from "./database.ts";

const factOf = (mode: LockMode): string => `lock_proven_${mode}`;

export function isLockProven(database: Database, mode: LockMode): boolean {
  return fact(database, factOf(mode)) !== undefined;
}

export function noteLockProven(database: Database, mode: LockMode, now: Date): void {
  setFact(database, factOf(mode), now.toISOString());
}
