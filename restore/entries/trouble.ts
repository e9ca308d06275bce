/** Handles an error of writing: an entry is lost, or the whole job ends. */
import { Failure } from "../../core/failure.ts";
import { type ByteString, parentOf, toText } from "../../core/format/path.ts";
import { SystemError } from "../../core/system/libc.ts";
import type { Report } from "../report/report.ts";
import { nearness } from "../target/nearness.ts";
import { Obstacle } from "../target/obstacle.ts";
import type { Target } from "../target/target.ts";
import { explainedByFlags } from "./flags.ts";

export type TroubleDeps = { readonly report: Report; readonly target: Pick<Target, "folderIfThere"> };

/**
 * Reports that the entry at a path is lost. Throws errors that would hit nearly all other entries too, and those that are
 * defects. A mount below the target that is full or read-only costs only what lies on it.
 */
export function writeFailed({ report, target }: TroubleDeps, path: ByteString, problem: unknown): void {
  const what = toText(path);
  const error = explainedByFlags(target, path, problem);
  if (error instanceof Obstacle) {
    const { code, why, remedy } = error.parts;
    report.lost(code, { doing: "restore", what, path, why, remedy, damage: false });
    return;
  }
  if (!(error instanceof SystemError)) throw error;
  const { reason } = error;
  const near = isFull(error) || error.code === "EROFS" ? nearness(target, parentOf(path)) : "elsewhere";
  if (isFull(error) && near !== "elsewhere") throw full(what, reason, error);
  if (error.code === "EROFS" && near === "mount") {
    throw new Failure({
      doing: "restore",
      what,
      why: `the target is read-only (${reason})`,
      remedy: "mount it writable, or give another --target",
      cause: error,
    });
  }
  report.lost("not-written", { doing: "restore", what, path, ...worded(error), damage: false });
}

export function isFull(error: SystemError): boolean {
  return error.code === "ENOSPC" || error.code === "EDQUOT";
}

/** Returns the Failure for a full target. Restored entries stay; the next run leaves them alone. */
export function full(what: string, why: string, cause: unknown): Failure {
  return new Failure({
    doing: "restore",
    what,
    why: `the target is full (${why})`,
    remedy: "make room and run the same command again: it goes on where it stopped",
    cause,
  });
}

function worded(error: { readonly code: string; readonly reason: string }) {
  switch (error.code) {
    case "ELOOP":
    case "ENOTDIR":
      return {
        why: "a link or file lies where the backup has a folder, and links are not followed",
        remedy: "move it away, or give another --target, and run again",
      };
    case "EPERM":
    case "EACCES":
      return { why: error.reason, remedy: "run as root" };
    case "EBUSY":
      return {
        why: `a file is mounted over it (${error.reason})`,
        remedy: "unmount that and run again: what is restored already is left alone",
      };
    case "ENOSPC":
    case "EDQUOT":
      return {
        why: `the filesystem that is mounted there is full (${error.reason})`,
        remedy: "make room there and run again: what is restored already is left alone",
      };
    case "EROFS":
      return {
        why: `the filesystem that is mounted there is read-only (${error.reason})`,
        remedy: "mount it writable and run again: what is restored already is left alone",
      };
    default:
      return { why: error.reason, remedy: "fix that and run again: what is restored already is left alone" };
  }
}
