/** Makes files without a name, which are gone with their last descriptor, however that ends. */

import { randomUUID } from "node:crypto";
import { constants, openSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../failure.ts";
import { O_CLOEXEC } from "../libc.ts";

/** A flag of the kernel, which includes O_DIRECTORY. */
const O_TMPFILE = 0o20_000_000 | constants.O_DIRECTORY;
const readWrite = constants.O_RDWR | O_CLOEXEC;
const ownerOnly = 0o600;

/** Opens a new file in the folder for reading and writing. Throws errors of the system. */
export function openNameless(folder: string): number {
  try {
    return openSync(folder, O_TMPFILE | readWrite, ownerOnly);
  } catch (error) {
    if (!lacksNameless(error)) throw error;
    return openAndRemove(join(folder, `.${randomUUID()}.sqlite-dump`));
  }
}

/** Returns whether the filesystem, such as NFS, knows no files without a name. */
function lacksNameless(error: unknown): boolean {
  const code = codeOf(error);
  return code === "EOPNOTSUPP" || code === "ENOTSUP" || code === "EISDIR" || code === "EINVAL";
}

function openAndRemove(path: string): number {
  const fd = openSync(path, readWrite | constants.O_CREAT | constants.O_EXCL, ownerOnly);
  unlinkSync(path);
  return fd;
}
