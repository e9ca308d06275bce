/** What a job loses when one object of a backup cannot be read. */
import { throwIfFatal } from "../bucket/fatal.ts";
import { FormatError } from "../format/error.ts";
import { ManifestRefused } from "./refused.ts";

export type Loss = {
  readonly why: string;
  /** As `why`, for messages that name the object already. */
  readonly how: string;
  readonly remedy: string;
  /** The bucket does not hold what it should. */
  readonly damage: boolean;
  /** It is of a format that this version does not know. */
  readonly newer: boolean;
  /**
   * The bucket gave the bytes as they were put, and they are not what the key or the manifest says. So nothing can be restored
   * from them, by anybody. If they were lost or changed in the bucket, or cannot be read, that is not known.
   */
  readonly junk: boolean;
};

/** Describes an object that does not hold what it should; `how` follows its name. */
export function damaged(key: string, how: string): Loss {
  const remedy = "restore it from another backup: `sysbackup list` shows them";
  return { ...worded(key, how), remedy, damage: true, newer: false, junk: false };
}

function worded(key: string, how: string) {
  return { why: `the stored object ${JSON.stringify(key)} ${how}`, how: `it ${how}` };
}

/** Describes what is lost after an error while reading the object `key`. Throws errors that end the job. */
export function lossOf(error: unknown, key: string): Loss {
  if (error instanceof ManifestRefused) return lossOfRoot(error);
  if (error instanceof FormatError) {
    if (error.kind === "sealed") return sealed(key);
    return error.kind === "newer"
      ? newer(key, error.message)
      : { ...damaged(key, `is damaged: ${error.message}`), junk: true };
  }
  const { kind, parts } = throwIfFatal(error);
  if (kind === "missing") return damaged(key, "is missing from the bucket");
  if (kind === "damaged") return damaged(key, `is damaged: ${parts.why}`);
  const remedy = parts.remedy ?? "fix that and run again";
  return { ...worded(key, `cannot be read: ${parts.why}`), remedy, damage: false, newer: false, junk: false };
}

function newer(key: string, message: string): Loss {
  const how = `was written by a newer sysbackup: ${message}`;
  return { ...worded(key, how), remedy: "use a newer sysbackup", damage: false, newer: true, junk: false };
}

function sealed(key: string): Loss {
  const remedy = "name the identity or the keyfile that opens it: --identity or --keyfile";
  return {
    ...worded(key, "is sealed, and nothing that is given opens it"),
    remedy,
    damage: false,
    newer: false,
    junk: false,
  };
}

function lossOfRoot({ kind, message, parts, cause }: ManifestRefused): Loss {
  const newer = kind === "newer";
  const junk = kind === "foreign" || (kind === "damaged" && cause instanceof FormatError);
  return { why: message, how: parts.why, remedy: parts.remedy ?? "", damage: !newer, newer, junk };
}
