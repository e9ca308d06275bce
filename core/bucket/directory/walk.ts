/** Walks a directory bucket in S3's order of keys, holding the names of one folder (and those above it) at a time. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { compareKeys } from "../order.ts";
import { errorCode } from "./errors.ts";
import { findKey, laterName, parseRecordName, workFolder } from "./names.ts";

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
  const { versions, folders } = await readFolder(join(root, path), path, wanted);
  const items = [...versions.keys(), ...folders].sort(compareKeys);
  for (const item of items) {
    if (item.endsWith("/")) {
      yield* walkFolder(root, path + item, wanted);
      continue;
    }
    const [newest, ...older] = versions.get(item) ?? [];
    versions.delete(item);
    if (newest !== undefined) yield { key: path + item, versions: [newest, ...older] };
  }
}

type ListedFolder = {
  readonly versions: Map<string, FoundVersion[]>;
  /** With a slash at the end. */
  readonly folders: readonly string[];
};

async function readFolder(absolute: string, path: string, wanted: KeyRange): Promise<ListedFolder> {
  const folders: string[] = [];
  const files = new Set<string>();
  for (const { name, isFolder } of await namesIn(absolute)) {
    if (!isFolder) files.add(name);
    else if (path + name !== workFolder && mayHold(`${path}${name}/`, wanted)) folders.push(`${name}/`);
  }
  return { versions: versionsAmong(files, absolute, path, wanted), folders };
}

function versionsAmong(files: ReadonlySet<string>, absolute: string, path: string, wanted: KeyRange) {
  const versions = new Map<string, FoundVersion[]>();
  for (const file of files) {
    const parsed = parseRecordName(file);
    if (parsed === undefined || !isWanted(path + parsed.name, wanted)) continue;
    const { name, version } = parsed;
    const later = laterName(name, version);
    const bytes = files.has(later) ? later : name;
    if (!files.has(bytes)) continue;
    const found = { version, path: join(absolute, bytes) };
    const known = versions.get(name);
    if (known === undefined) versions.set(name, [found]);
    else known.push(found);
  }
  for (const known of versions.values()) known.sort((a, b) => (a.version < b.version ? 1 : -1));
  return versions;
}

const isWanted = (key: string, { prefix, after }: KeyRange): boolean =>
  key.startsWith(prefix) && compareKeys(key, after) > 0;

/** Whether keys that start with `path` can be wanted. */
function mayHold(path: string, { prefix, after }: KeyRange): boolean {
  const inPrefix = path.startsWith(prefix) || prefix.startsWith(path);
  return inPrefix && (compareKeys(path, after) > 0 || after.startsWith(path));
}

async function namesIn(folder: string): Promise<{ name: string; isFolder: boolean }[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }));
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw error;
  }
}
