/** Puts into the table what this machine has stored, after its backup. */
import type { Database } from "bun:sqlite";
import { BucketError } from "../../bucket/contract.ts";
import { reasonOf } from "../../failure.ts";
import { FormatError } from "../../format/error.ts";
import type { Notice } from "../../notice.ts";
import { TableError } from "../../table/contract.ts";
import { fact, setFact } from "../state/database.ts";
import { ownIndexFact } from "../state/index/index-sync.ts";
import { type PublishDeps, publish } from "./publish.ts";

export type PublishOwnDeps = Omit<PublishDeps, "source"> & {
  readonly database: Database;
  /** Our own backup name. */
  readonly name: string;
};

/** Nothing to put: no request. Never fails: the backup exists, and a later run puts what this one could not. */
export async function publishOwn({ database, name, notify, ...deps }: PublishOwnDeps): Promise<void> {
  // By table: another one has nothing yet.
  const marked = `published/${deps.table.name}`;
  const newest = fact(database, ownIndexFact);
  if (newest === undefined || fact(database, marked) === newest) return;
  try {
    await publish({ ...deps, notify, source: { name }, readable: newest });
    setFact(database, marked, newest);
  } catch (error) {
    deps.signal.throwIfAborted();
    notify(notPublished(error));
  }
}

/** Words an error of the table, or of what was read for it, as a notice. Throws any other. */
export function notPublished(error: unknown): Notice {
  if (!(error instanceof TableError) && !(error instanceof BucketError) && !(error instanceof FormatError)) throw error;
  const message = `what is stored is not in the table for other machines, and is put there by a later run: ${reasonOf(error)}`;
  return { level: "warning", code: "table-not-written", message };
}
