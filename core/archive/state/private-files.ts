/** The files of a state database are for their owner alone, also those that an older version made. */
import { chmodSync, closeSync, constants, lstatSync, openSync } from "node:fs";
import { userName } from "../../system/owners.ts";
import { unusable } from "./folder.ts";
import { FalseState } from "./tables/false-state.ts";

const privateMode = 0o600;
const everybodyElse = 0o077;
const othersMayWrite = 0o022;

/** The database itself, and what SQLite and `checksum.ts` keep beside it. */
export const stateSuffixes = ["", "-wal", "-shm", "-journal", ".sum"] as const;

/**
 * Closes the files of the database at `path` to other users. Throws a FalseState if another user can have written one of
 * them: what it says cannot be believed.
 */
export function closeStateFiles(path: string): void {
  for (const suffix of stateSuffixes) closeToOthers(path + suffix);
}

function closeToOthers(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  // A folder cannot be mistaken for a file: opening it fails.
  if (found === undefined || found.isDirectory()) return;
  const doubt = (why: string) => new FalseState(`${JSON.stringify(path)} ${why}`);
  if (!found.isFile()) throw doubt("is not a regular file");
  if (found.uid !== process.geteuid?.()) throw doubt(`belongs to ${userName(found.uid) ?? `user ${found.uid}`}`);
  if (found.nlink > 1) throw doubt("has another name elsewhere");
  if ((found.mode & othersMayWrite) !== 0) throw doubt("could be written by other users");
  if ((found.mode & everybodyElse) !== 0) chmodSync(path, privateMode);
}

/**
 * Makes the database's file if it is missing: SQLite would make it readable for others, and gives its log the same mode.
 * Throws a Failure if that cannot be done.
 */
export function makePrivate(path: string): void {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  try {
    closeSync(openSync(path, flags, privateMode));
  } catch (error) {
    throw unusable(path, error);
  }
}
