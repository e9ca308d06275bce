/** Makes the folder of `--target` if it is missing, and explains why it cannot be used. */
import { basename, dirname } from "node:path";
import { type ExitStatus, exitStatus, Failure } from "../core/failure.ts";
import { fromText } from "../core/format/path.ts";
import { makeFolder } from "../core/system/beneath.ts";
import { openRoot } from "../core/system/confined.ts";
import { close } from "../core/system/files.ts";
import { isSystemError, SystemError } from "../core/system/libc.ts";

/** Makes the folder with mode 0700. Returns false if it exists. Its parent must exist. */
export function makeTargetFolder(path: string): boolean {
  if (path === "/") return false;
  let parent: number | undefined;
  try {
    parent = openRoot(fromText(dirname(path)));
    makeFolder(parent, fromText(basename(path)), 0o700);
    return true;
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return false;
    throw unusable(path, error);
  } finally {
    if (parent !== undefined) close(parent);
  }
}

/** Returns a Failure for a refusal by the system, and any other error as it is. */
export function unusable(path: string, error: unknown): unknown {
  if (!(error instanceof SystemError)) return error;
  const [remedy, exit] = remedies[error.code] ?? [
    "give an existing folder, or a new one in an existing folder, as --target",
    exitStatus.usage,
  ];
  return new Failure({ doing: "restore into", what: path, why: error.reason, remedy, exit, cause: error });
}

const remedies: Readonly<Record<string, readonly [remedy: string, exit: ExitStatus]>> = {
  EACCES: ["run as root, or give another --target", exitStatus.failed],
  EPERM: ["run as root, or give another --target", exitStatus.failed],
  EROFS: ["mount it writable, or give another --target", exitStatus.failed],
  ENOSPC: ["make room there, or give another --target", exitStatus.failed],
  EDQUOT: ["make room there, or give another --target", exitStatus.failed],
};
