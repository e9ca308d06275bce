/** The log of a run of s3-sysbackup, as ours are. */
import { z } from "zod";
import type { LoggedNotice } from "../../format/manifest/manifest.ts";
import type { LegacyDocument } from "./document.ts";
import type { LegacyRoot } from "./roots.ts";

const record = z.object({
  at: z.string().optional(),
  level: z.string().optional(),
  message: z.string(),
  exception: z.object({ excType: z.string().optional(), message: z.string().optional() }).nullish(),
});

/** Characters of a message at most. */
const longest = 2_000;

export function noticesOf(document: LegacyDocument, { stored, kind }: Pick<LegacyRoot, "stored" | "kind">) {
  const at = stored.toISOString();
  const notices = document.log.map((entry) => noticeOf(entry, at));
  if (kind !== "unified") notices.push(warning(piecewise, at));
  if (document.unplaced > 0)
    notices.push(warning(`${document.unplaced} of its entries have no path, or one twice`, at));
  return notices;
}

const piecewise =
  "the run could not put its manifest, and put the lists of files and snapshots instead: its log is lost";

function warning(message: string, at: string): LoggedNotice {
  return { level: "warning", code: "s3-sysbackup", message, at };
}

function noticeOf(entry: unknown, otherwise: string): LoggedNotice {
  const { data } = record.safeParse(entry);
  if (data === undefined) return warning("a message that cannot be read", otherwise);
  const { level = "", message, exception } = data;
  const why = [exception?.excType, exception?.message].filter((word) => word !== undefined && word !== "");
  const time = new Date(data.at ?? otherwise);
  return {
    level: levelOf(level),
    code: "s3-sysbackup",
    message: [message, ...why].join(": ").slice(0, longest),
    at: Number.isNaN(time.getTime()) ? otherwise : time.toISOString(),
  };
}

function levelOf(level: string): LoggedNotice["level"] {
  if (/^(ERROR|CRITICAL|FATAL)$/.test(level)) return "error";
  return /^(DEBUG|INFO)$/.test(level) ? "info" : "warning";
}
