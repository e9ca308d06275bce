/** Makes the folder of `--target` if it is missing, and explains why it cannot be used. */

import { type ExitStatus, exitStatus, Failure } from "../../core/failure.ts";
import { fromArgument } from "../../core/format/argument.ts";
import { type ByteString, baseName, parentOf } from "../../core/format/path.ts";
import { quoted } from "../../core/format/quoted.ts";
import { makeFolder } from "../../core/system/files/beneath.ts";
import { close } from "../../core/system/files/files.ts";
import { openThroughOwnLinks, StrangersLink } from "../../core/system/files/own-links.ts";
import { fstat, lstat, sameInode } from "../../core/system/filesystem/stat.ts";
import { isSystemError, SystemError } from "../../core/system/libc.ts";
import { userName } from "../../core/system/owners.ts";

/** `made`: it was missing. */
export type OpenedTarget = { readonly fd: number; readonly made: boolean };

/**
 * Opens it, and makes it with mode 0700 if it is missing; its parent must exist. Throws a Failure, also for a path that another
 * user could lead anywhere.
 */
export function openTargetFolder(path: string): OpenedTarget {
  try {
    const made = path !== "/" && makeIn(fromArgument(path));
    return { fd: openThroughOwnLinks(fromArgument(path)), made };
  } catch (error) {
    throw unusable(path, error);
  }
}

const systemRoot = "/" as ByteString;

/** Returns whether the folder is the `/` of the running machine: by this name, through a link, or mounted elsewhere, too. */
export function isRunningSystem(path: string): boolean {
  if (path === systemRoot) return true;
  let fd: number;
  try {
    fd = openThroughOwnLinks(fromArgument(path));
  } catch (error) {
    if (error instanceof SystemError) return false;
    throw error;
  }
  try {
    return sameInode(fstat(fd), lstat(systemRoot));
  } finally {
    close(fd);
  }
}

function makeIn(path: ByteString): boolean {
  const parent = openThroughOwnLinks(parentOf(path));
  try {
    makeFolder(parent, baseName(path), 0o700);
    return true;
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return false;
    throw error;
  } finally {
    close(parent);
  }
}

/** Returns a Failure for a refusal by the system, and any other error as it is. */
export function unusable(path: string, error: unknown): unknown {
  if (!(error instanceof SystemError)) return error;
  if (error instanceof StrangersLink) return leadAstray(path, error);
  const [remedy, exit] = remedies[error.code] ?? [
    "give an existing folder, or a new one in an existing folder, as --target",
    exitStatus.usage,
  ];
  return new Failure({ doing: "restore into", what: path, why: error.reason, remedy, exit, cause: error });
}

function leadAstray(path: string, error: StrangersLink): Failure {
  const why = `${quoted(error.path ?? fromArgument(path))} in it is a link of ${userName(error.uid) ?? `user ${error.uid}`}, who chooses where it leads`;
  const remedy = "give the path that you mean, without that link, as --target";
  return new Failure({ doing: "restore into", what: path, why, remedy, exit: exitStatus.usage, cause: error });
}

const remedies: Readonly<Record<string, readonly [remedy: string, exit: ExitStatus]>> = {
  EACCES: ["run as root, or give another --target", exitStatus.failed],
  EPERM: ["run as root, or give another --target", exitStatus.failed],
  EROFS: ["mount it writable, or give another --target", exitStatus.failed],
  ENOSPC: ["make room there, or give another --target", exitStatus.failed],
  EDQUOT: ["make room there, or give another --target", exitStatus.failed],
};
