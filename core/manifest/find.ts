/** Finds the manifest that a user means. Of several, the newest is the one that the server stored last: see `dates.ts`. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { BucketReader } from "../bucket/contract.ts";
import { isDenied } from "../bucket/fatal.ts";
import { exitStatus, Failure } from "../failure.ts";
import { argumentBytes } from "../format/argument.ts";
import { parseManifestKey, safeName } from "../format/keys/keys.ts";
import { type LegacyWord, parseLegacyKey, parseLegacyWord } from "../format/keys/legacy-keys.ts";
import { isManifestFile } from "../format/manifest/manifest-file.ts";
import type { Notice, Notify } from "../notice.ts";
import { stampMeant } from "./dates.ts";
import { listLegacyRoots } from "./legacy/roots.ts";
import { contradictedAt, NewestRoots, type PassedOver, takeUsable, type Usable } from "./newest.ts";
import { allNames, noSuchName } from "./no-such-name.ts";
import type { Original } from "./original.ts";
import { ManifestRefused } from "./refused.ts";
import { findRoot, type ListedRoot, listRoots, type VersionLister, wordOf } from "./roots.ts";
import { refusedBy, type Trust, type TrustCheck } from "./trust.ts";

/** A root with all its versions in the bucket. */
export type FoundRoot = ListedRoot & {
  /** Its original, if it was read in order to choose it. */
  readonly original?: Original | undefined;
  /** Roots that were stored later, and cannot be used or contradict the server's dates; the last of them first. */
  readonly passedOver?: readonly PassedOver[] | undefined;
};

/** `FoundRoot`, for `openManifest` to choose the version from; or a local file. */
export type Found = FoundRoot | { readonly file: string };

export type FindBucket = Pick<BucketReader, "get"> & VersionLister;

export type FindTools = {
  /** The time by the server's clock if there is one: called after the listing. */
  readonly now: () => Date;
  readonly notify: Notify;
  /** What it refuses is not chosen. */
  readonly trust?: Trust | undefined;
};

/** Roots that were named exactly, the one that the server stored first at the start. */
type NamedRoots = readonly [ListedRoot, ...ListedRoot[]];

/** Names that an error lists at most, and roots that notices name. */
const mostShown = 10;

/**
 * Finds a manifest by a key (`manifests/…`), a local file (`….jsonl.zst`, or any path with a slash), a backup name for its
 * newest backup, or `name@moment` for the newest at or before a moment: see `parseMoment`. Throws a Failure if there is
 * none.
 *
 * A backup whose dates contradict the server's is found only by its key, or by `name@` and the whole time in its key. If several that
 * can be used have that time, none is chosen.
 */
export async function findManifest(bucket: FindBucket, wanted: string, tools: FindTools): Promise<Found> {
  if (parseManifestKey(wanted) !== undefined) {
    return exactly(bucket, [(await findRoot(bucket, wanted)) ?? noSuchKey(wanted)], tools);
  }
  const legacy = parseLegacyWord(wanted);
  if (legacy !== undefined) return findLegacy(bucket, legacy, wanted, tools);
  if (isManifestFile(wanted) || wanted.includes("/")) return localFile(wanted);
  const { name, upTo } = parseWanted(wanted);
  const newest = new NewestRoots();
  let oldest: ListedRoot | undefined;
  const exact: ListedRoot[] = [];
  for await (const root of listRoots(bucket, name)) {
    if (oldest === undefined || root.stored < oldest.stored) oldest = root;
    if (isExactly(root, upTo)) addExact(exact, root);
    if (isUpTo(root, upTo)) newest.add(root);
  }
  const [first, ...later] = exact;
  if (first !== undefined) return exactly(bucket, [first, ...later], tools);
  if (oldest === undefined) throw noSuchName(name, await allNames(bucket));
  const candidates = newest.lastFirst();
  if (candidates.length === 0) throw nothingBefore(wanted, oldest);
  return chosenOf(bucket, candidates, tools);
}

/** Finds the version of a manifest of s3-sysbackup that is named, or the newest one. */
async function findLegacy(
  bucket: FindBucket,
  { key, version, name }: LegacyWord,
  wanted: string,
  tools: FindTools,
): Promise<FoundRoot> {
  const newest = new NewestRoots();
  for await (const root of listLegacyRoots(bucket, name)) {
    if (root.versions.some((stored) => stored.key === key && stored.version === version))
      return exactly(bucket, [root], tools);
    if (version === undefined && root.key === key) newest.add(root);
  }
  const candidates = newest.lastFirst();
  return candidates.length === 0 ? noSuchKey(wanted) : chosenOf(bucket, candidates, tools);
}

/** Roots of one start that are looked at. */
const mostExact = 100;

/** Keeps those that the server stored first, in this order. */
function addExact(exact: ListedRoot[], root: ListedRoot): void {
  const place = exact.findIndex(({ stored }) => stored > root.stored);
  exact.splice(place < 0 ? exact.length : place, 0, root);
  exact.splice(mostExact);
}

/** Takes what was named exactly. Says if its dates contradict the server's. */
async function exactly(bucket: FindBucket, named: NamedRoots, { now, notify, trust }: FindTools): Promise<FoundRoot> {
  const { root = named[0], original } = await onlyUsable(bucket, named, refusedBy(trust));
  const why = contradictedAt(now())(root, original);
  if (why !== undefined) notify(dated(root, why));
  return { ...root, original };
}

/**
 * Takes the only one of several with the same start that can be used, and that is trusted if that is wanted. Throws a Failure if there are
 * more: anybody who may put roots can put one before or after the genuine one.
 */
async function onlyUsable(bucket: FindBucket, named: NamedRoots, trust: TrustCheck | undefined): Promise<Usable> {
  const usable = await takeUsable(bucket, named, () => undefined, trust);
  const { root } = usable;
  if (root === undefined) return usable;
  const others: ListedRoot[] = [];
  for (let rest = named.slice(named.indexOf(root) + 1); rest.length > 0; ) {
    const other = await nextUsable(bucket, rest, trust);
    if (other === undefined) break;
    others.push(other);
    rest = rest.slice(rest.indexOf(other) + 1);
  }
  if (others.length > 0) throw ambiguous([root, ...others]);
  return usable;
}

/** One was read: those that are denied are so to everybody. */
async function nextUsable(bucket: FindBucket, rest: readonly ListedRoot[], trust: TrustCheck | undefined) {
  try {
    return (await takeUsable(bucket, rest, () => undefined, trust)).root;
  } catch (error) {
    if (!isDenied(error)) throw error;
    return undefined;
  }
}

function ambiguous(roots: readonly [ListedRoot, ...ListedRoot[]]): Failure {
  const [{ name, stamp, run }] = roots;
  const shown = roots.slice(0, mostShown).map((root) => {
    const version = root.versions[0]?.version ?? "";
    return `${name}@${stamp}-${root.run} (version ${version}, stored ${root.stored.toISOString()})`;
  });
  const more = roots.length > shown.length ? `, and ${roots.length - shown.length} more` : "";
  return new Failure({
    doing: "choose a backup",
    what: `${name}@${stamp}`,
    why: `${roots.length} began in that second: ${shown.join(", ")}${more}`,
    remedy: `name one with its run: ${name}@${stamp}-${run}; unless two runs of yours began in one second, find out who put the others (--trust shows whose they are)`,
    exit: exitStatus.usage,
  });
}

async function chosenOf(
  bucket: FindBucket,
  candidates: readonly ListedRoot[],
  { now, notify, trust }: FindTools,
): Promise<FoundRoot> {
  const { root, original, passedOver } = await takeUsable(bucket, candidates, contradictedAt(now()), refusedBy(trust));
  // If none can be used: reading it again says what is wrong with it.
  const unusable = root === undefined ? passedOver.find(({ kind }) => kind !== "dates") : undefined;
  const more = passedOver.filter((passed) => passed !== unusable);
  for (const passed of more.slice(0, mostShown)) notify(passedOverNotice(passed, root));
  if (root !== undefined) return { ...root, original, passedOver };
  if (unusable !== undefined) return { ...unusable.root, passedOver: more };
  throw noneByDefault(candidates);
}

function dated(root: ListedRoot, why: string): Notice {
  const message = `the dates of the backup ${JSON.stringify(wordOf(root))} are not right: ${why}`;
  return { level: "warning", code: "backup-dates", message };
}

function passedOverNotice({ root, why, kind }: PassedOver, instead: ListedRoot | undefined): Notice {
  const { name, stamp, run } = root;
  const taken = instead === undefined ? "no other can be used" : `${JSON.stringify(wordOf(instead))} is taken instead`;
  const how = kind === "dates" ? `; name it as ${name}@${stamp}-${run} if you want it` : "";
  const message = `the backup ${JSON.stringify(wordOf(root))} is not taken as the newest: ${why}; ${taken}${how}`;
  return { level: "warning", code: "backup-passed-over", message };
}

function noneByDefault([last]: readonly ListedRoot[]): Failure {
  const { name = "", stamp = "", run = "" } = last ?? {};
  return new Failure({
    doing: "choose a backup of",
    what: name,
    why: "the dates of each contradict those of the server, or this machine's clock",
    remedy: `check this machine's clock, or name one exactly: ${name}@${stamp}-${run}`,
  });
}

function noSuchKey(key: string): never {
  throw new ManifestRefused("damaged", key, "there is no such object in the bucket", undefined);
}

function localFile(path: string): Found {
  const legacy = parseLegacyKey(`manifests/${basename(path)}`);
  if (legacy !== undefined) throw localLegacy(path, legacy.name);
  if (existsSync(argumentBytes(path))) return { file: path };
  throw new Failure({
    doing: "find the manifest",
    what: path,
    why: "there is no such file, and it is not the key of a manifest",
    remedy: "give a backup name, name@time, or a key as `sysbackup list --json` shows it",
    exit: exitStatus.usage,
  });
}

/** Refusal of a copy of a manifest: it does not say which version in the bucket it is. s3-sysbackup leaves none on the disk. */
function localLegacy(path: string, name: string): Failure {
  return new Failure({
    doing: "read the manifest",
    what: path,
    why: "manifests of s3-sysbackup are read from the bucket only",
    remedy: `give ${name}, ${name}@TIME, or a key as \`sysbackup list --json\` shows it`,
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
 * Returns a moment as the start of a key's time stamp; undefined if it is no moment. `2026-11-21`, `2026-11-21T02:00` and
 * `20261121T02` are all moments. Each means up to its end, so a day includes its last backup. Times are UTC.
 * @internal
 */
export function parseMoment(moment: string): string | undefined {
  const stamp = readable.test(moment) ? moment.replace(/[-:]/g, "").replace(" ", "T") : moment;
  const shortened = stamp.length < "20261121T020003Z".length ? stamp.replace(/Z$/, "") : stamp;
  return compact.test(shortened) && isPossible(shortened) ? shortened : undefined;
}

const latest = "99991231T235959";

/** Returns whether fields that are whole are a possible month, day, hour, minute and second. */
function isPossible(stamp: string): boolean {
  return [4, 6, 9, 11, 13].every((at) => {
    const field = stamp.slice(at, at + 2);
    return field.length < 2 || (field <= latest.slice(at, at + 2) && !(at < 9 && field === "00"));
  });
}

function isUpTo(root: ListedRoot, upTo: string | undefined): boolean {
  return upTo === undefined || `${stampMeant(root)}-${root.run}`.slice(0, upTo.length) <= upTo;
}

const wholeStamp = "20261121T020003Z".length;

function isExactly({ stamp, run }: ListedRoot, upTo: string | undefined): boolean {
  return upTo !== undefined && upTo.length >= wholeStamp && `${stamp}-${run}`.startsWith(upTo);
}

function nothingBefore(wanted: string, oldest: ListedRoot): Failure {
  return new Failure({
    doing: "find the backup",
    what: wanted,
    why: `the oldest backup of ${JSON.stringify(oldest.name)} is from ${stampMeant(oldest)}`,
    remedy: `give that time or a later one, such as ${oldest.name}@${stampMeant(oldest)}`,
  });
}
