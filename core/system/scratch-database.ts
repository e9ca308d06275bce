/**
 * Opens a database for one job, for data that may not fit into memory. SQLite keeps it in an unlinked file, which disappears
 * with this process.
 *
 * Only temporary tables go there: Bun opens the empty name, which SQLite takes for a temporary file, in memory.
 */
import { Database } from "bun:sqlite";

/** Memory for its pages, KiB. */
const cache = 4_096;

/** `tables`: statements that begin with `CREATE TEMP TABLE`. The caller closes it. */
export function openScratchDatabase(tables: string): Database {
  const database = new Database(":memory:", { create: true, strict: true });
  database.run("PRAGMA temp_store = FILE");
  database.run("PRAGMA temp.journal_mode = OFF");
  database.run(`PRAGMA temp.cache_size = -${cache}`);
  database.run(tables);
  return database;
}
