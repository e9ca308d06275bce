import { constants, Database } from "bun:sqlite";
import { pathToFileURL } from "node:url";

/** For reading only. The caller closes it. Throws SQLite's errors. */
export function openStateFile(path: string): Database {
  // Immutable: otherwise SQLite would make files beside it, for whoever runs this.
  const url = `${pathToFileURL(path).href}?immutable=1`;
  return new Database(url, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
}
