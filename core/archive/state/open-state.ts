import { constants, Database } from "bun:sqlite";
import { pathToFileURL } from "node:url";

/** Opens a state database for reading only. The caller closes it. Throws SQLite's errors. */
export function openStateFile(path: string): Database {
  // Immutable, as SQLite would otherwise make files beside it that belong to the user of doctor.
  const url = `${pathToFileURL(path).href}?immutable=1`;
  return new Database(url, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
}
