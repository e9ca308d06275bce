/**
 * File names of keys and versions. The first version of a key is the file of that name, so that plain tools work on it; a
 * later one is `<key>~<version>`. Beside each is its record, `<key>~<version>.json`.
 */
import { checkKey } from "../checks.ts";
import { BucketError } from "../contract.ts";

/** Work in progress, directly under the root; nothing in it is part of the bucket. */
export const workFolder = ".sysbackup-tmp";

const timeDigits = 14;
const randomDigits = 8;
const versionPattern = new RegExp(`^[0-9a-f]{${timeDigits + randomDigits}}$`);
const versionedName = new RegExp(`^(.+)~([0-9a-f]{${timeDigits + randomDigits}})(\\.json)?$`, "s");

/** File systems take 255 bytes a name, and the record's name needs room for `~<version>.json`. */
const segmentLimit = 255 - (1 + timeDigits + randomDigits + ".json".length);

export type KeyParts = {
  /** Relative to the root; empty for a key without a slash. */
  readonly folder: string;
  readonly name: string;
};

/**
 * Confines a key to the root. Throws `other` for keys that a directory cannot hold: empty, `.` and `..` segments
 * (absolute keys have an empty one), NUL, names that look like a version's or like the work folder, too long ones.
 */
export function splitKey(key: string): KeyParts {
  checkKey(key);
  const segments = key.split("/");
  if (segments[0] === workFolder) throw refused(key, `${workFolder} is kept for work in progress`);
  for (const segment of segments) {
    const why = unfit(segment);
    if (why !== undefined) throw refused(key, why);
  }
  const name = segments.pop() ?? "";
  return { folder: segments.join("/"), name };
}

/** As `splitKey`, but undefined for keys that cannot be in the bucket. */
export function findKey(key: string): KeyParts | undefined {
  try {
    return splitKey(key);
  } catch {
    return undefined;
  }
}

function unfit(segment: string): string | undefined {
  if (segment === "" || segment === "." || segment === "..") return `it has the segment ${JSON.stringify(segment)}`;
  if (segment.includes("\0")) return "it has a NUL character";
  if (versionedName.test(segment)) return "it ends like the name of a version";
  if (Buffer.byteLength(segment) > segmentLimit) return `it has a segment of more than ${segmentLimit} bytes`;
  return undefined;
}

function refused(key: string, why: string): BucketError {
  return new BucketError("other", {
    doing: "use the object key",
    what: key,
    why: `a directory cannot hold it: ${why}`,
    remedy: "choose another name, or an S3 bucket",
  });
}

export const isVersion = (text: string): boolean => versionPattern.test(text);

export const recordName = (name: string, version: string): string => `${name}~${version}.json`;

export const laterName = (name: string, version: string): string => `${name}~${version}`;

/** Name and version that a record's file name states; undefined for any other file. */
export function parseRecordName(file: string): { readonly name: string; readonly version: string } | undefined {
  if (!file.endsWith(".json") || !versionedName.test(file)) return undefined;
  const end = file.length - ".json".length;
  const start = end - (timeDigits + randomDigits);
  return { name: file.slice(0, start - "~".length), version: file.slice(start, end) };
}

/** Returns whether a file is one that only this program makes: a record, or a later version. */
export const looksLikeVersion = (file: string): boolean => versionedName.test(file);

/** Returns when a version was made, by the clock of the machine that put it. */
export const timeOfVersion = (version: string): Date =>
  new Date(Number.parseInt(version.slice(0, timeDigits), 16) / 1000);

/**
 * Returns a maker of versions, which sort by the time they were made: microseconds since 1970, then random digits. Those of
 * one process never repeat and never go back, even if its clock does.
 */
export function versionMaker(now: () => Date, random: () => number): () => string {
  let last = 0;
  return () => {
    last = Math.max(now().getTime() * 1000, last + 1);
    const chance = Math.floor(random() * 16 ** randomDigits);
    return last.toString(16).padStart(timeDigits, "0") + chance.toString(16).padStart(randomDigits, "0");
  };
}
