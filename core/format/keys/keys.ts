/**
 * Where things lie in the bucket. Names say how to undo what is inside: strip suffixes from right to left. Those of filters
 * over whole objects come last; `core/stored` adds them to the keys that are made here.
 */
import { type Encoding, filtersOf, isPack, splitKey } from "../codecs/encoding.ts";
import { type ByteString, toBytes } from "../path.ts";
import { sha256 } from "../sha256.ts";

/** A run's identity in keys: when it started (UTC, whole seconds) and eight hex digits, as `runOf` makes them. */
export type RunId = { readonly start: Date; readonly run: string };

/**
 * Returns three hex digits of how far into its second the start is, so that runs of one second sort by time too, and five
 * random ones from four bytes.
 */
export function runOf(start: Date, random: Uint8Array): string {
  const fraction = Math.floor((start.getUTCMilliseconds() * 4096) / 1000);
  return fraction.toString(16).padStart(3, "0") + Buffer.from(random).toString("hex").slice(0, 5);
}

/** Backup and snapshotter names that are safe in keys, file names and shells. */
export const safeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** `20261121T020003Z`: sorts by time as text. */
export function stampOf(time: Date): string {
  return time.toISOString().replace(/[-:]|\.\d+/g, "");
}

export function timeOfStamp(stamp: string): Date | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // A date such as 31 February is read as some other one, or as none.
  return !Number.isNaN(time.getTime()) && stampOf(time) === stamp ? time : undefined;
}

export const keys = {
  manifest: (name: string, id: RunId) => `manifests/${name}/${stampOf(id.start)}-${id.run}.jsonl.zst`,
  part: (name: string, sha256: string) => `manifests/${name}/parts/${sha256}.jsonl.zst`,
  index: (name: string, id: RunId) => `index/${name}/${stampOf(id.start)}-${id.run}.jsonl.zst`,
  verified: (id: RunId) => `verified/${stampOf(id.start)}-${id.run}.jsonl.zst`,
  pack: (sha256: string) => `packs/${sha256}.zst`,
  content: (sha256: string) => `content/${sha256}`,
  snapshot: (name: string, time: Date, snapshotter: string, suffix: string) =>
    `snapshots/${name}/${stampOf(time)}-${snapshotter}${suffix}`,
  /** `place`: as `placeOfBundle` makes it. `suffix`: of its compression. */
  bundle: (name: string, place: string, suffix: string) => `bundles/${name}/${place}.tar${suffix}`,
  /** A table of contents lies beside its bundle. */
  bundleTable: (name: string, place: string, sha256: string) => `bundles/${name}/${place}.toc/${sha256}.jsonl.zst`,
} as const;

export const prefixes = {
  manifests: "manifests/",
  manifestsOf: (name: string) => `manifests/${name}/`,
  index: "index/",
  indexOf: (name: string) => `index/${name}/`,
  verified: "verified/",
  bundles: "bundles/",
} as const;

/** Bytes of a place at most: S3 takes keys of 1,024, and a backup name and suffixes come to it. */
const longestPlace = 700;

/**
 * Returns where a bundle lies under its backup name: its prefix, if any, and the path of what is in it, without the first slash. Bytes
 * that keys do not carry everywhere are written as `%E9`. `above`: it has what lies above the depth of others.
 */
export function placeOfBundle(prefix: string, path: ByteString, above: boolean): string {
  const steps = [...prefix.split("/"), ...path.split("/")].filter((step) => step !== "");
  const plain = steps.map((step) => step.replace(/[^A-Za-z0-9 ._,=@+-]|^\.+$/g, escaped)).join("/");
  // No file or folder has this name: its slash is a part of the key.
  const place = above ? `${plain}/%above` : plain === "" ? "%root" : plain;
  if (place.length <= longestPlace) return place;
  return `${place.slice(0, longestPlace - 65)}~${sha256(toBytes(path))}`;
}

function escaped(found: string): string {
  return [...found].map((byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

export type ManifestKey = { readonly name: string; readonly stamp: string; readonly run: string };

const manifestKey = /^manifests\/([^/]+)\/(\d{8}T\d{6}Z)-([0-9a-f]{8})\.jsonl\.zst$/;
const verifiedKey = /^verified\/(\d{8}T\d{6}Z)-([0-9a-f]{8})\.jsonl\.zst$/;
const indexKey = /^index\/([^/]+)\/(\d{8}T\d{6}Z)-([0-9a-f]{8})\.jsonl\.zst$/;

/** Returns undefined for keys of other things, parts among them. */
export function parseManifestKey(key: string): ManifestKey | undefined {
  return parse(manifestKey, splitKey(key).base);
}

export function parseIndexKey(key: string): ManifestKey | undefined {
  return parse(indexKey, key);
}

export function parseVerifiedKey(key: string): Omit<ManifestKey, "name"> | undefined {
  const [, stamp, run] = verifiedKey.exec(key) ?? [];
  return stamp === undefined || run === undefined ? undefined : { stamp, run };
}

const packKey = /^packs\/[0-9a-f]{64}\.zst$/;
const contentKey = /^content\/[0-9a-f]{64}$/;

/** Returns whether a pack or content of this encoding is stored under such a key. Nothing else is built upon that others name. */
export function isContentKey(key: string, encoding: Encoding): boolean {
  const { base, filters } = splitKey(key);
  const shape = isPack(encoding) ? packKey : contentKey;
  return shape.test(base) && filters.join() === filtersOf(encoding).join();
}

/** Returns whether a pack or content of some encoding is stored under such a key. */
export function mayBeContentKey(key: string): boolean {
  const { base } = splitKey(key);
  return packKey.test(base) || contentKey.test(base);
}

const scriptKey = /\.tar\.(gz|bz2|xz)$/;
/** A dump's, of this program and of s3-sysbackup: of all keys that are made here, only these may end as the script's do. */
const dumpKey = /^snapshots\/[^/]+(\/\d{8}T\d{6}Z|-\d{4}-\d\d-\d\dT\d\d:\d\dZ)-[^/]*$/;

/**
 * Returns whether a bundle may be stored under such a key: in its folder, or where the script before this program put it, which may be
 * `content/` or `snapshots/`, too, as that was the name of what it stored.
 */
export function mayBeBundleKey(key: string): boolean {
  return key.startsWith(prefixes.bundles) || (scriptKey.test(key) && !dumpKey.test(key));
}

function parse(pattern: RegExp, key: string): ManifestKey | undefined {
  const [, name, stamp, run] = pattern.exec(key) ?? [];
  if (name === undefined || stamp === undefined || run === undefined || !safeName.test(name)) return undefined;
  return { name, stamp, run };
}

/** Returns the name of a snapshotter's dump: its file name, with `_` for characters that are not safe. */
export function snapshotterName(fileName: ByteString): string {
  const cleaned = fileName.replace(/[^A-Za-z0-9._-]/g, "_").slice(0, longestName);
  return safeName.test(cleaned) ? cleaned : `x${cleaned}`.slice(0, longestName);
}

const longestName = 128;

/**
 * Returns the names of dumps for the file names of snapshotters, in the same order, each its own: `db a` and `db_a` are two. A file
 * name that is safe as it is keeps it; others get a number if their name is taken.
 */
export function snapshotterNames(fileNames: readonly ByteString[]): string[] {
  const plain = fileNames.filter((name) => snapshotterName(name) === name);
  return distinct(
    fileNames.map(snapshotterName),
    (name, number) => plain.includes(name as ByteString) && fileNames[number] !== name,
  );
}

/** Returns the names with a number behind those that came before, or for which `isTaken` is true. */
export function distinct(
  names: readonly string[],
  isTaken: (name: string, index: number) => boolean = () => false,
): string[] {
  const used = new Set<string>();
  // Somebody's manifest may have a hundred thousand of one name: no number is tried twice.
  const next = new Map<string, number>();
  return names.map((name, index) => {
    const stem = name.slice(0, longestStem);
    let free = name;
    let number = next.get(stem) ?? 2;
    while (used.has(free) || isTaken(free, index)) {
      const suffix = `-${number}`;
      free = `${name.slice(0, longestName - suffix.length)}${suffix}`;
      number += 1;
    }
    next.set(stem, number);
    used.add(free);
    return free;
  });
}

/** Names that are the same up to here share their numbers: all that a number of seven digits leaves of them. */
const longestStem = 120;
