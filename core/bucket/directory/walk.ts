/** Walks a directory bucket in S3's order of keys, holding the names of one folder (and those above it) at a time. */

import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../failure.ts";
import { Garbage } from "../../system/threads/garbage.ts";
import { compareKeys } from "../order.ts";
import { findKey, laterName, looksLikeVersion, parseRecordName, workFolder } from "./names.ts";

export type FoundVersion = {
  readonly version: string;
  /** Absolute path of the bytes. */
  readonly path: string;
};

export type FoundKey = {
  readonly key: string;
  /** Newest first, at least one. */
  readonly versions: readonly [FoundVersion, ...FoundVersion[]];
};

/** The wanted keys start with `prefix` and come after `after`. */
export type KeyRange = { readonly prefix: string; readonly after: string };

/** What looking at a file's name, and at a key's file, leaves: anybody who may put can fill a folder with very many. */
const garbageOfName = 512;
const garbageOfKey = 2_048;
const garbage = new Garbage(16 * 1024 * 1024);

/** Looks that wait for each other cost five times as much. */
const looksAtOnce = 128;

/**
 * A folder's keys all start with its path and a slash, so sorting names with that slash on folders sorts the whole
 * keys: `a-b` comes before `a/b`.
 */
export async function* walk(root: string, wanted: KeyRange): AsyncGenerator<FoundKey> {
  const start = wanted.prefix.slice(0, wanted.prefix.lastIndexOf("/") + 1);
  if (start !== "" && findKey(`${start}x`) === undefined) return;
  yield* walkFolder(root, start, wanted);
}

/** `path` is empty or ends in a slash. */
async function* walkFolder(root: string, path: string, wanted: KeyRange): AsyncGenerator<FoundKey> {
  const absolute = join(root, path);
  const { versions, folders } = await readFolder(absolute, path, wanted);
  const items = [...versions.keys(), ...folders].sort(compareKeys);
  for (const item of items) {
    if (item.endsWith("/")) {
      yield* walkFolder(root, path + item, wanted);
      continue;
    }
    const found = foundIn(absolute, item, versions.get(item) ?? "");
    versions.delete(item);
    garbage.left(found.length * garbageOfKey);
    if (isSome(found)) yield { key: path + item, versions: found };
  }
}

function isSome(found: readonly FoundVersion[]): found is FoundKey["versions"] {
  return found.length > 0;
}

/** Returns the versions of a name, newest first. */
function foundIn(absolute: string, name: string, versions: VersionList): FoundVersion[] {
  const list = versions.split(" ").filter((one) => one !== "");
  const sorted = list.map((one) => ({ version: one.slice(1), isLater: one.startsWith(later) }));
  sorted.sort((a, b) => (a.version < b.version ? 1 : -1));
  return sorted.map(({ version, isLater }) => ({
    version,
    path: join(absolute, isLater ? laterName(name, version) : name),
  }));
}

/** Versions of a name in one string, since a folder may have very many names: each with the letter of what its bytes are called. */
type VersionList = string;
const first = "f";
const later = "l";

type ListedFolder = {
  readonly versions: Map<string, VersionList>;
  /** With a slash at the end. */
  readonly folders: readonly string[];
};

async function readFolder(absolute: string, path: string, wanted: KeyRange): Promise<ListedFolder> {
  const inPrefix = (name: string) => (path + name).startsWith(wanted.prefix) || wanted.prefix.startsWith(path + name);
  // Before any other look: a folder may have very many, and one key of them be wanted.
  const all = await namesIn(absolute);
  const names = new Set(all.filter(inPrefix));
  garbage.left((all.length - names.size) * garbageOfName);
  const versions = versionsAmong(names, path, wanted);
  const folders: string[] = [];
  let maybe: string[] = [];
  const look = async () => {
    const found = await Promise.all(maybe.map((name) => isFolder(join(absolute, name))));
    for (const [index, name] of maybe.entries()) if (found[index]) folders.push(`${name}/`);
    maybe = [];
  };
  for (const name of names) {
    garbage.left(garbageOfName);
    const isFile = versions.has(name) || looksLikeVersion(name);
    if (isFile || path + name === workFolder || !mayHold(`${path}${name}/`, wanted)) continue;
    if (maybe.push(name) === looksAtOnce) await look();
  }
  await look();
  return { versions, folders };
}

function versionsAmong(names: ReadonlySet<string>, path: string, wanted: KeyRange): Map<string, VersionList> {
  const versions = new Map<string, VersionList>();
  for (const file of names) {
    garbage.left(garbageOfName);
    const parsed = parseRecordName(file);
    if (parsed === undefined || !isWanted(path + parsed.name, wanted)) continue;
    const { name, version } = parsed;
    const isLater = names.has(laterName(name, version));
    if (!isLater && !names.has(name)) continue;
    const known = versions.get(name);
    const found = `${isLater ? later : first}${version}`;
    versions.set(name, known === undefined ? found : `${known} ${found}`);
  }
  return versions;
}

const isWanted = (key: string, { prefix, after }: KeyRange): boolean =>
  key.startsWith(prefix) && compareKeys(key, after) > 0;

/** Returns whether keys that start with `path` can be wanted. */
function mayHold(path: string, { prefix, after }: KeyRange): boolean {
  const inPrefix = path.startsWith(prefix) || prefix.startsWith(path);
  return inPrefix && (compareKeys(path, after) > 0 || after.startsWith(path));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}
