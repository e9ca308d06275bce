/** Messages for errors of the file system. */
import { codeOf } from "../../failure.ts";
import { UnreadableKind } from "../../system/files/regular-file.ts";
import { BucketError, type BucketErrorKind } from "../contract.ts";

type DirectoryWording = readonly [kind: BucketErrorKind, why: string, remedy?: string];

const full = "free some space there, or use another disk";
const access = "check owner and mode of the folder, and how it is mounted";
const network = "check the connection to the file server";

const wordings: Readonly<Record<string, DirectoryWording>> = {
  ENOSPC: ["full", "no space is left", full],
  EDQUOT: ["full", "the disk quota is used up", full],
  EFBIG: ["full", "the file system cannot hold a file that large", "use another file system"],
  EACCES: ["denied", "permission denied", access],
  EPERM: ["denied", "operation not permitted", access],
  EROFS: ["denied", "the file system is read-only", access],
  ESTALE: ["unreachable", "the file server forgot the folder", network],
  ETIMEDOUT: ["unreachable", "the file server does not answer", network],
  EHOSTDOWN: ["unreachable", "the file server does not answer", network],
  ENOTCONN: ["unreachable", "the file server does not answer", network],
  EIO: ["other", "the disk reports an error", "check the disk (dmesg, smartctl)"],
  ENOTDIR: ["other", "there is a file in place of a folder", "move that file away, or choose another name"],
  ENAMETOOLONG: ["other", "the name is too long for the file system", "choose a shorter name"],
};

/** For what sysbackup did not leave like that. */
export const otherCopy = "restore that file from another copy of the bucket";

/** Turns any error of the file system into a `BucketError`, and returns one that is already. */
export function directoryError(error: unknown, doing: string, what: string): BucketError {
  if (error instanceof BucketError) return error;
  if (error instanceof UnreadableKind)
    return new BucketError("damaged", { doing, what, why: error.message, remedy: otherCopy, cause: error });
  const [kind, why, remedy] = wordings[codeOf(error) ?? ""] ?? ["other", plainReason(error)];
  return new BucketError(kind, { doing, what, why, cause: error, ...(remedy && { remedy }) });
}

export function noDirectory(url: string, path: string): BucketError {
  return new BucketError("no-bucket", {
    doing: "open the bucket",
    what: url,
    why: `there is no directory ${JSON.stringify(path)}`,
    remedy: "create it (mkdir), or mount the disk that holds it",
  });
}

function plainReason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
