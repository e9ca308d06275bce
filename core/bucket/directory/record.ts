/** The JSON beside a version's bytes. A version exists once this file does. */
import { z } from "zod";
import { lockModes } from "../../format/lock-mode.ts";
import { BucketError, type Retention } from "../contract.ts";
import { otherCopy } from "./errors.ts";
import { laterName } from "./names.ts";

const stored = z.object({
  /** Name of the file with the bytes, in the same folder. */
  file: z.string(),
  version: z.string(),
  size: z.int().nonnegative(),
  sha256: z.string().optional(),
  metadata: z.record(z.string(), z.string()),
  retention: z.object({ mode: z.enum(lockModes), until: z.iso.datetime() }),
  created: z.iso.datetime(),
});

/** Metadata has 2 KiB at most. */
export const mostRecordBytes = 64 * 1024;

export type VersionRecord = {
  readonly file: string;
  readonly version: string;
  readonly size: number;
  readonly sha256?: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retention: Retention;
  readonly created: Date;
};

export function encodeRecord(record: VersionRecord): Uint8Array {
  return Buffer.from(`${JSON.stringify(record)}\n`);
}

/** Throws `damaged` for what `encodeRecord` did not write for this version, and for a file name outside the folder. */
export function decodeRecord(text: string, path: string, name: string, version: string): VersionRecord {
  const parsed = stored.safeParse(parseJson(text));
  if (!parsed.success) throw unreadable(path, "sysbackup did not write it");
  const { retention, created, ...rest } = parsed.data;
  if (rest.version !== version) throw unreadable(path, `it is about version ${JSON.stringify(rest.version)}`);
  if (rest.file !== name && rest.file !== laterName(name, version))
    throw unreadable(path, `it names the file ${JSON.stringify(rest.file)}`);
  return {
    ...rest,
    retention: { mode: retention.mode, until: new Date(retention.until) },
    created: new Date(created),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreadable(path: string, why: string): BucketError {
  return new BucketError("damaged", {
    doing: "read",
    what: path,
    why: `its record is damaged: ${why}`,
    remedy: otherCopy,
  });
}
