/** Finds the manifest that a user means. */
import { existsSync } from "node:fs";
import { nearest } from "../config/nearest.ts";
import { exitStatus, Failure } from "../failure.ts";
import { parseManifestKey, safeName } from "../format/keys.ts";
import { isManifestFile } from "../format/manifest-file.ts";
import { ManifestRefused } from "./read.ts";
import { findRoot, type ListedRoot, listRoots, type VersionLister } from "./roots.ts";

/** All versions of a root in the bucket, for `openManifest` to choose from; or a file. */
export type Found = ListedRoot | { readonly file: string };

/** Names that an error lists at most. */
const mostNames = 10;

/**
 * Finds a manifest by a key (`manifests/…`), a local file (`….jsonl.zst`, or any path with a slash), a backup name for its
 * newest backup, or `name@moment` for the newest at or before a moment: see `parseMoment`. Throws a Failure if there is
 * none.
 */
export async function findManifest(bucket: VersionLister, wanted: string): Promise<Found> {
  if (parseManifestKey(wanted) !== undefined) return (await findRoot(bucket, wanted)) ?? noSuchKey(wanted);
  if (isManifestFile(wanted) || wanted.includes("/")) return localFile(wanted);
  const { name, upTo } = parseWanted(wanted);
  let newest: ListedRoot | undefined;
  let oldest: ListedRoot | undefined;
  for await (const root of listRoots(bucket, name)) {
    oldest ??= root;
    if (upTo !== undefined && !isUpTo(root, upTo)) break;
    newest = root;
  }
  if (newest !== undefined) return newest;
  throw oldest === undefined ? await noSuchName(bucket, name) : nothingBefore(wanted, oldest);
}

function noSuchKey(key: string): never {
  throw new ManifestRefused("damaged", key, "there is no such object in the bucket", undefined);
}

function localFile(path: string): Found {
  if (existsSync(path)) return { file: path };
  throw new Failure({
    doing: "find the manifest",
    what: path,
    why: "there is no such file, and it is not the key of a manifest",
    remedy: "give a backup name, name@time, or a key as `sysbackup list --json` shows it",
    exit: exitStatus.usage,
  });
}

function parseWanted(wanted: string): { readonly name: string; readonly upTo: string | undefined } {
  const [, name = wanted, moment] = /^([^@]*)@(.*)$/s.exec(wanted) ?? [];
  if (!safeName.test(name)) throw unusable(wanted, "a backup name has letters, digits, dots, dashes and underscores");
  if (moment === undefined) return { name, upTo: undefined };
  const upTo = parseMoment(moment);
  if (upTo === undefined) throw unusable(wanted, `${JSON.stringify(moment)} is not a time`);
  return { name, upTo };
}

function unusable(wanted: string, why: string): Failure {
  return new Failure({
    doing: "find the manifest",
    what: wanted,
    why,
    remedy: "write it like web1, web1@2026-11-21 or web1@2026-11-21T02:00 (times in UTC)",
    exit: exitStatus.usage,
  });
}

const readable = /^\d{4}-\d\d(?:-\d\d(?:[T ]\d\d(?::\d\d(?::\d\d)?)?Z?)?)?$/;
const compact = /^\d{4,8}$|^\d{8}T\d{0,6}$|^\d{8}T\d{6}Z(?:-[0-9a-f]{0,8})?$/;

/**
 * Returns a moment as the start of a key's time stamp; undefined if it is none. `2026-11-21`, `2026-11-21T02:00` and
 * `20261121T02` are all moments. Each means up to its end, so a day includes its last backup. Times are UTC.
 * @internal
 */
export function parseMoment(moment: string): string | undefined {
  const stamp = readable.test(moment) ? moment.replace(/[-:]/g, "").replace(" ", "T") : moment;
  const shortened = stamp.length < "20261121T020003Z".length ? stamp.replace(/Z$/, "") : stamp;
  return compact.test(shortened) && isPossible(shortened) ? shortened : undefined;
}

const latest = "99991231T235959";

/** Whether fields that are whole are a possible month, day, hour, minute and second. */
function isPossible(stamp: string): boolean {
  return [4, 6, 9, 11, 13].every((at) => {
    const field = stamp.slice(at, at + 2);
    return field.length < 2 || (field <= latest.slice(at, at + 2) && !(at < 9 && field === "00"));
  });
}

function isUpTo({ stamp, run }: ListedRoot, upTo: string): boolean {
  return `${stamp}-${run}`.slice(0, upTo.length) <= upTo;
}

async function noSuchName(bucket: VersionLister, name: string): Promise<Failure> {
  const names = new Set<string>();
  for await (const root of listRoots(bucket)) names.add(root.name);
  const near = nearest(name, names);
  const shown = [...names].slice(0, mostNames).join(", ") + (names.size > mostNames ? " and others" : "");
  return new Failure({
    doing: "find a backup of",
    what: name,
    why: names.size === 0 ? "the bucket holds no backups" : `the bucket has backups of ${shown}`,
    remedy:
      names.size === 0
        ? "check the bucket's name, or run `sysbackup archive` first"
        : near === undefined
          ? "give one of these names"
          : `did you mean ${JSON.stringify(near)}?`,
  });
}

function nothingBefore(wanted: string, oldest: ListedRoot): Failure {
  return new Failure({
    doing: "find the backup",
    what: wanted,
    why: `the oldest backup of ${JSON.stringify(oldest.name)} is from ${oldest.stamp}`,
    remedy: `give that time or a later one, such as ${oldest.name}@${oldest.stamp}`,
  });
}
