/** Reads a manifest: its root, and its parts one by one. Nothing of it is believed before its digest is checked. */
import { BucketError } from "../bucket/contract.ts";
import { Failure, reasonOf } from "../failure.ts";
import { argumentBytes } from "../format/argument.ts";
import { splitKey } from "../format/codecs/encoding.ts";
import { frameContentSize } from "../format/codecs/frame.ts";
import { isSealedForOthers } from "../format/codecs/sealing.ts";
import type { ObjectRef, PartEntry } from "../format/entries/entry.ts";
import { altered, FormatError } from "../format/error.ts";
import { parseLegacyKey } from "../format/keys/legacy-keys.ts";
import { type Text, textOf } from "../format/lines/lines.ts";
import { decodeManifest, type Manifest, mostRootBytes, type PartRef } from "../format/manifest/manifest.ts";
import { type BadEntry, decodePart, type OnBadLine, type Sieve } from "../format/manifest/part.ts";
import type { ByteString } from "../format/path.ts";
import { sha256 } from "../format/sha256.ts";
import { Budget } from "../side-by-side.ts";
import { checked, once } from "../stored/bytes.ts";
import { DocumentReading, decodeDocument, decodeStream, type ObjectSource, readStored } from "../stored/read.ts";
import { readTwice } from "../stored/second-read.ts";
import { type OpenText, textInFile } from "../stored/text-file.ts";
import { openRegular } from "../system/files/regular-file.ts";
import { Garbage, release } from "../system/threads/garbage.ts";
import type { ContentNeed } from "./legacy/content.ts";
import { readLegacyPart } from "./legacy/read.ts";
import { ManifestRefused } from "./refused.ts";
import { type ListedRoot, wordOf } from "./roots.ts";
import type { ManifestSource } from "./source.ts";

/**
 * Bytes of a part's text: today 40 MiB and one line at most. Versions before 0.1.0 wrote lines of up to 224 MiB, which cost their entries
 * alone.
 */
const mostBytes = 320 * 1024 * 1024;
/** Parts of more bytes go through a file. */
const mostInMemory = { stored: 24 * 1024 * 1024, text: 64 * 1024 * 1024 } as const;
const bounds = { stored: mostInMemory.text, content: mostInMemory.text } as const;
const weightInFile = 16 * 1024 * 1024;

/** Text of roots that are decoded at a time. A small object may become a large text, so its reader waits until it knows its share. */
const rootsAtOnce = new Budget(16 * 1024 * 1024);

/** What reading one object leaves, whatever it holds: anybody may put very many. */
const garbageOfRead = 32 * 1024;
const garbage = new Garbage();

class ShareOfMemory implements Disposable {
  #bytes = 0;

  readonly take = async (bytes: number): Promise<void> => {
    await rootsAtOnce.take(bytes);
    this.#bytes = bytes;
  };

  [Symbol.dispose](): void {
    rootsAtOnce.give(this.#bytes);
    garbage.left(this.#bytes + garbageOfRead);
  }
}

export function nameOf(source: ManifestSource | ListedRoot): string {
  if ("versions" in source) return wordOf(source);
  return "key" in source ? source.key : source.file;
}

/**
 * Reads the root of a manifest. Throws a `ManifestRefused` for one that is missing, truncated, altered, or of a newer format.
 * If `source` names no version, the newest is read, which may be anyone's: see `readOriginal`. `reads`: of what seems damaged.
 */
export async function readManifest(
  bucket: ObjectSource,
  source: ManifestSource,
  reads: "once" | "twice" = "twice",
): Promise<Manifest> {
  const name = nameOf(source);
  try {
    const read = async () => {
      using share = new ShareOfMemory();
      const bounds = { most: mostRootBytes, admit: share.take };
      if ("key" in source) {
        checkNotSealed(source.key);
        await using reading = new DocumentReading(bucket, source, bounds);
        return await decodeStored(reading);
      }
      return await decodeManifest(decodeStream(readLocal(source.file), name, bounds));
    };
    return await (reads === "twice" ? readTwice(read) : read());
  } catch (error) {
    throw refusal(error, name);
  }
}

/** Throws a FormatError for a root that is sealed as a whole, as none is: anybody may put one, which nobody could open. */
function checkNotSealed(key: string): void {
  const { filters } = splitKey(key);
  if (isSealedForOthers(filters) || filters.includes("openssl"))
    throw altered("its key says that all of it is sealed, which no root of a backup is");
}

/** Asks the bucket first if it is no manifest: bytes that changed there since they were put are not junk that somebody put. */
async function decodeStored(reading: DocumentReading): Promise<Manifest> {
  try {
    return await decodeManifest(reading.text);
  } catch (error) {
    if (error instanceof FormatError && error.kind === "altered") await reading.rest();
    throw error;
  }
}

async function* readLocal(file: string): AsyncGenerator<Uint8Array> {
  try {
    await using handle = await openRegular(argumentBytes(file));
    yield* handle.createReadStream({ autoClose: false });
  } catch (error) {
    throw new Failure({ doing: "read the manifest", what: file, why: reasonOf(error), cause: error });
  }
}

export type StoredPart = Pick<PartRef, "key" | "version" | "size" | "sha256">;

/** A part on its way into memory. */
export type FetchedPart = {
  /** Bytes that `open` takes of memory. */
  readonly weight: number;
  /** Returns its text. Throws as `get` does, and a FormatError if the stored bytes are not those that the root names. */
  readonly open: () => Promise<OpenText>;
};

/** Fetches a part, or begins to if it is large. Throws as `open` does. */
export async function fetchPart(
  bucket: ObjectSource,
  part: StoredPart,
  need: ContentNeed = "content",
): Promise<FetchedPart> {
  if (parseLegacyKey(part.key) !== undefined) return fetchLegacy(bucket, part, need);
  if (part.size > mostInMemory.stored) return { weight: weightInFile, open: () => openLarge(bucket, part) };
  const stored = await readTwice(async () => {
    const bytes = await readStored(bucket, part, part.size);
    if (sha256(bytes) === part.sha256) return bytes;
    throw altered("its content does not match the digest that the manifest has of it");
  });
  const size = splitKey(part.key).filters.length > 0 ? mostInMemory.text : frameContentSize(stored);
  if (size > mostInMemory.text) {
    return { weight: weightInFile, open: () => textInFile(decodeStream(once(stored), part.key, { most: mostBytes })) };
  }
  return { weight: size, open: async () => inMemory(await decodeDocument(stored, part.key, bounds)) };
}

async function fetchLegacy(bucket: ObjectSource, part: StoredPart, need: ContentNeed): Promise<FetchedPart> {
  const text = await readTwice(() => readLegacyPart(bucket, part, need));
  return { weight: text.length, open: async () => inMemory(text) };
}

function openLarge(bucket: ObjectSource, part: StoredPart): Promise<OpenText> {
  const { key, version, size, sha256 } = part;
  return readTwice(async () => {
    const stored = checked(bucket.get(key, { version, unchanged: true }), size, sha256);
    return textInFile(decodeStream(stored, key, { most: mostBytes }));
  });
}

function inMemory(text: Uint8Array): OpenText {
  return { ...textOf(text), [Symbol.dispose]: () => release(text) };
}

/** Entries of a part: all, or some of very many. */
export type LoadedPart = { readonly objects: readonly ObjectRef[]; readonly entries: readonly PartEntry[] };

/** Called for an entry that cannot be read: it is left out, so that it costs nothing else. */
export type OnBadEntry = (entry: BadEntry) => void;

export type Wanted = (entry: PartEntry, objects: readonly ObjectRef[]) => boolean;

/** Bytes of text up to which all entries of a part are in memory at once. */
const mostAtOnce = 8 * 1024 * 1024;
/** Entries, extents and the like that are in memory at once of a larger part. */
const weightAtOnce = 65_536;

export type OpenedPart = {
  /** May be iterated once. */
  readonly batches: Iterable<LoadedPart>;
  readonly bad: readonly BadEntry[];
  /** Path of the last entry that can be read. */
  readonly last: ByteString | undefined;
};

/** A part of a manifest, and the path at which the part after it begins. */
export type PathStretch = { readonly part: PartRef; readonly next: ByteString | undefined };

/**
 * Decodes all of a part before any of it is used, so that a part which turns out to be wrong changes nothing on the disk. Only entries
 * that `wanted` accepts are kept, of those that pass the `sieve`: others are not decoded, and not reported if they are bad. Returns
 * the bad ones too: they are only news if all else is well. Lets other work go on now and then.
 */
export async function openPart(text: Text, stretch: PathStretch, wanted: Wanted, sieve?: Sieve): Promise<OpenedPart> {
  const sifted = sieve && text.length <= mostAtOnce ? sift(text, stretch, wanted, sieve) : undefined;
  return (
    sifted ??
    (await openWhole(text, stretch, (entry, objects) => sieve?.(entry.path) !== false && wanted(entry, objects)))
  );
}

/** Each byte of a line that is refused may have become so many in memory: lists of nothing. */
const garbageOfByte = 16;

/** Returns what `decodePart` calls for bad entries: it adds them to `bad`, and has what their lines became collected. */
export function keepBad(bad: BadEntry[]): OnBadLine {
  return (entry, bytes) => {
    bad.push(entry);
    garbage.left(bytes * garbageOfByte);
  };
}

/** Entries that are decoded before other work gets its turn: some milliseconds. */
const entriesAtOnce = 512;

/** Returns undefined if anything is wrong or unusual: then all are to be decoded, since a bad entry decides what others look like. */
function sift(text: Text, { part, next }: PathStretch, wanted: Wanted, sieve: Sieve): OpenedPart | undefined {
  let unusual = 0;
  let count = 0;
  let first: ByteString | undefined;
  let last: ByteString | undefined;
  const onBad: OnBadLine = (_entry, bytes) => {
    unusual += 1;
    garbage.left(bytes * garbageOfByte);
  };
  const { objects, entries } = decodePart(text, onBad, (path) => {
    first ??= path;
    last = path;
    count += 1;
    return sieve(path);
  });
  const kept: PartEntry[] = [];
  for (const entry of entries) {
    if (entry.type === "segment") unusual += 1;
    else if (wanted(entry, objects)) kept.push(entry);
  }
  const isWhole = unusual === 0 && first === part.first && count === part.entries;
  if (!isWhole || (next !== undefined && last !== undefined && last >= next)) return undefined;
  return { batches: [{ objects, entries: kept }], bad: [], last };
}

async function openWhole(text: Text, { part, next }: PathStretch, wanted: Wanted): Promise<OpenedPart> {
  const bad: BadEntry[] = [];
  const { objects, entries } = decodePart(text, keepBad(bad));
  const isWanted = (entry: PartEntry) => wanted(entry, objects);
  const kept: PartEntry[] = [];
  let count = 0;
  let last: ByteString | undefined;
  for (const entry of entries) {
    if (count + bad.length === 0 && entry.path !== part.first)
      throw altered("it begins with another path than the manifest says");
    // The first line may be one that cannot be read.
    if (entry.path < part.first) throw altered("it overlaps with the part before it");
    if (next !== undefined && entry.path >= next) throw altered("it overlaps with the part after it");
    count += 1;
    last = entry.path;
    if (text.length <= mostAtOnce && isWanted(entry)) kept.push(entry);
    if (count % entriesAtOnce === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  count += bad.length;
  if (count !== part.entries) throw altered(`it has ${count} entries, the manifest says ${part.entries}`);
  const batches = text.length <= mostAtOnce ? [{ objects, entries: kept }] : batchesIn(text, isWanted);
  return { batches, bad, last };
}

/** Decodes a part that is known to be whole a second time, some entries at a time. */
function* batchesIn(text: Text, isWanted: (entry: PartEntry) => boolean): Generator<LoadedPart> {
  const { objects, entries } = decodePart(text, () => {});
  let batch: PartEntry[] = [];
  let weight = 0;
  for (const entry of entries) {
    if (!isWanted(entry)) continue;
    batch.push(entry);
    weight += weightOf(entry);
    if (weight < weightAtOnce) continue;
    yield { objects, entries: batch };
    batch = [];
    weight = 0;
  }
  if (batch.length > 0) yield { objects, entries: batch };
}

function weightOf(entry: PartEntry): number {
  switch (entry.type) {
    case "file":
    case "segment":
      return 1 + entry.extents.length + entry.holes.length;
    default:
      return 1;
  }
}

/** Returns the refusal that an error stands for, or the error itself if it is of another kind. */
export function refusal(error: unknown, manifest: string): unknown {
  const refused = (why: string) => new ManifestRefused("damaged", manifest, why, error);
  if (error instanceof FormatError) {
    if (error.kind === "sealed") return error;
    if (error.kind === "altered") return refused(`it is truncated or altered: ${error.message}`);
    return new ManifestRefused("newer", manifest, `a newer sysbackup wrote it: ${error.message}`, error);
  }
  if (!(error instanceof BucketError)) return error;
  if (error.kind === "missing") return refused("there is no such object in the bucket");
  return error.kind === "damaged" ? refused(error.parts.why) : error;
}
