/** Reads what this machine's state database knows of the bucket. */
import type { Database } from "bun:sqlite";
import type { Config } from "../../config/config.ts";
import { fact, statePath } from "./database.ts";
import { openStateFile } from "./open-state.ts";
import { bucketIdentity } from "./use.ts";

/** Returns undefined also if the state is of another bucket, or cannot be read: `doctor` reports why. */
export function ofOwnState<T>(config: Config, bucketUrl: string, look: (database: Database) => T): T | undefined {
  try {
    using database = openStateFile(statePath(config.backup.stateDir, config.backup.name));
    return fact(database, "bucket") === bucketIdentity(bucketUrl, config) ? look(database) : undefined;
  } catch {
    // Ignored, as promised.
    return undefined;
  }
}
