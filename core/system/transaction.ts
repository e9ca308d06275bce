/** Bun's own transactions end before what they wait for. */
import type { Database } from "bun:sqlite";

/** Keeps all that `work` writes, or none of it if it throws. Nothing else may use the database meanwhile. */
export async function inTransaction(database: Database, work: () => Promise<void>): Promise<void> {
  database.run("BEGIN");
  try {
    await work();
    database.run("COMMIT");
  } catch (error) {
    // Some errors, such as a full disk, have ended the transaction.
    if (database.inTransaction) database.run("ROLLBACK");
    throw error;
  }
}
