/** Handles an error of writing: an entry is lost, or the whole job ends. */
import { Failure } from "../core/failure.ts";
import type { Entry } from "../core/format/entry.ts";
import { toText } from "../core/format/path.ts";
import { SystemError } from "../core/system/libc.ts";
import { Obstacle } from "./obstacle.ts";
import type { Report } from "./report.ts";

/** Reports a lost entry. Throws errors that would hit all other entries too, and those that are defects. */
export function writeFailed(report: Report, entry: Entry, error: unknown): void {
  const what = toText(entry.path);
  if (error instanceof Obstacle) {
    const { code, why, remedy } = error.parts;
    report.lost(code, { doing: "restore", what, why, remedy, damage: false });
    return;
  }
  if (!(error instanceof SystemError)) throw error;
  if (error.code === "ENOSPC" || error.code === "EDQUOT") throw full(what, error.reason, error);
  if (error.code === "EROFS") {
    throw new Failure({
      doing: "restore",
      what,
      why: `the target is read-only (${error.reason})`,
      remedy: "mount it writable, or give another --target",
    });
  }
  report.lost("not-written", { doing: "restore", what, ...worded(error), damage: false });
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
    default:
      return { why: error.reason, remedy: "fix that and run again: what is restored already is left alone" };
  }
}
