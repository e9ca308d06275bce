/** Reads a manifest: its root, and its parts one by one. Nothing of it is believed before its digest is checked. */
import { open } from "node:fs/promises";
import { BucketError } from "../bucket/contract.ts";
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import { argumentBytes } from "../format/argument.ts";
import { splitKey } from "../format/encoding.ts";
import type { Entry, ObjectRef } from "../format/entry.ts";
import { altered, FormatError } from "../format/error.ts";
import { frameContentSize } from "../format/frame.ts";
import { maxLineBytes } from "../format/lines.ts";
import { decodeManifest, type Manifest, mostRootBytes, type PartRef } from "../format/manifest.ts";
import { type BadEntry, decodePart, type Sieve } from "../format/part.ts";
import type { ByteString } from "../format/path.ts";
import { sha256 } from "../format/sha256.ts";
import { Budget } from "../side-by-side.ts";
import { DocumentReading, decodeDocument, decodeStream, type ObjectSource, readStored } from "../stored/read.ts";
import { readTwice } from "../stored/second-read.ts";
import type { ManifestSource } from "./source.ts";

/** Bytes of a part: 32 MiB of lines and one more line at most. */
const mostBytes = maxLineBytes + 64 * 1024 * 1024;
const bounds = { stored: mostBytes, content: mostBytes } as const;

/** Text of roots that are decoded at a time. A small object may become a large text, so its reader waits until it knows its share. */
const rootsAtOnce = new Budget(16 * 1024 * 1024);

class ShareOfMemory implements Disposable {
  #bytes = 0;

  readonly take = async (bytes: number): Promise<void> => {
    await rootsAtOnce.take(bytes);
    this.#bytes = bytes;
  };

  [Symbol.dispose](): void {
    rootsAtOnce.give(this.#bytes);
  }
}

export function nameOf(source: ManifestSource): string {
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
    const handle = await open(argumentBytes(file));
    yield* handle.createReadStream();
  } catch (error) {
    throw new Failure({ doing: "read the manifest", what: file, why: reasonOf(error), cause: error });
  }
}

export type StoredPart = Pick<PartRef, "key" | "version" | "size" | "sha256">;

/** Returns the stored bytes of a part. Throws as `get` does, and a FormatError if they are not those that the root names. */
export async function readPart(bucket: ObjectSource, part: StoredPart): Promise<Uint8Array> {
  return readTwice(async () => {
    const stored = await readStored(bucket, part, Math.min(part.size, bounds.stored));
    if (sha256(stored) === part.sha256) return stored;
    throw altered("its content does not match the digest that the manifest has of it");
  });
}

/** Returns the text of a part from its stored bytes. */
export function textOfPart(stored: Uint8Array, { key }: Pick<StoredPart, "key">): Promise<Uint8Array> {
  return decodeDocument(stored, key, bounds);
}

/** Returns how many bytes of text a part takes in memory, by the word of its frame; under filters that is not known. */
export function weightOfPart(stored: Uint8Array, { key }: Pick<StoredPart, "key">): number {
  return splitKey(key).filters.length > 0 ? bounds.content : frameContentSize(stored);
}

export type LoadedPart = { readonly objects: readonly ObjectRef[]; readonly entries: readonly Entry[] };

/** A part of a manifest, and the path at which the part after it begins. */
export type Stretch = { readonly part: PartRef; readonly next: ByteString | undefined };

export type OpenedPart = LoadedPart & {
  /** Bytes of its text. */
  readonly bytes: number;
  /** Only news if all else is well. */
  readonly bad: readonly BadEntry[];
  /** Path of the last entry that can be read. */
  readonly last: ByteString | undefined;
};

/** Called for an entry that cannot be read: it is left out, so that it costs nothing else. */
export type OnBadEntry = (entry: BadEntry) => void;

export type Wanted = (entry: Entry, objects: readonly ObjectRef[]) => boolean;

/**
 * Decodes all of a part at once, so that a part which turns out to be wrong changes nothing on the disk. Only entries that `wanted`
 * accepts are kept, of those that pass the `sieve`: others are not decoded, and not reported if they are bad.
 */
export async function openPart(
  stored: Uint8Array,
  stretch: Stretch,
  wanted: Wanted,
  sieve?: Sieve,
): Promise<OpenedPart> {
  const text = await textOfPart(stored, stretch.part);
  const sifted = sieve && sift(text, stretch, wanted, sieve);
  return (
    sifted ?? wholePart(text, stretch, (entry, objects) => sieve?.(entry.path) !== false && wanted(entry, objects))
  );
}

/** Returns undefined if anything is wrong: then all are to be decoded, since a bad entry decides what others look like. */
function sift(text: Uint8Array, { part, next }: Stretch, wanted: Wanted, sieve: Sieve): OpenedPart | undefined {
  let bad = 0;
  let count = 0;
  let first: ByteString | undefined;
  let last: ByteString | undefined;
  const onBad = () => {
    bad += 1;
  };
  const { objects, entries } = decodePart(text, onBad, (path) => {
    first ??= path;
    last = path;
    count += 1;
    return sieve(path);
  });
  const kept = [...entries].filter((entry) => wanted(entry, objects));
  if (bad > 0 || first !== part.first || count !== part.entries) return undefined;
  return isBefore(last, next) ? { objects, entries: kept, bad: [], last, bytes: text.length } : undefined;
}

function wholePart(text: Uint8Array, { part, next }: Stretch, wanted: Wanted): OpenedPart {
  const bad: BadEntry[] = [];
  const { objects, entries } = decodePart(text, (entry) => bad.push(entry));
  const kept: Entry[] = [];
  let count = 0;
  let last: ByteString | undefined;
  for (const entry of entries) {
    if (count + bad.length === 0 && entry.path !== part.first)
      throw altered("it begins with another path than the manifest says");
    if (!isBefore(entry.path, next)) throw altered("it overlaps with the part after it");
    count += 1;
    last = entry.path;
    if (wanted(entry, objects)) kept.push(entry);
  }
  count += bad.length;
  if (count !== part.entries) throw altered(`it has ${count} entries, the manifest says ${part.entries}`);
  return { objects, entries: kept, bad, last, bytes: text.length };
}

function isBefore(path: ByteString | undefined, next: ByteString | undefined): boolean {
  return path === undefined || next === undefined || path < next;
}

/**
 * A manifest that cannot be used: it is `damaged` (missing, truncated or altered), of a `newer` format, or `foreign`: it is
 * whole, and not the backup that its key names.
 */
export class ManifestRefused extends Failure {
  constructor(
    readonly kind: "damaged" | "newer" | "foreign",
    manifest: string,
    why: string,
    cause: unknown,
  ) {
    const remedy = kind === "newer" ? "use a newer sysbackup" : "use another backup: `sysbackup list` shows them";
    const exit = kind === "damaged" ? exitStatus.damaged : exitStatus.failed;
    super({ doing: "read the manifest", what: manifest, why, remedy, exit, cause });
  }
}

/** Returns the refusal that an error stands for, or the error itself if it is of another kind. */
export function refusal(error: unknown, manifest: string): unknown {
  const refused = (why: string) => new ManifestRefused("damaged", manifest, why, error);
  if (error instanceof FormatError) {
    if (error.kind === "altered") return refused(`it is truncated or altered: ${error.message}`);
    return new ManifestRefused("newer", manifest, `a newer sysbackup wrote it: ${error.message}`, error);
  }
  if (!(error instanceof BucketError)) return error;
  if (error.kind === "missing") return refused("there is no such object in the bucket");
  return error.kind === "damaged" ? refused(error.parts.why) : error;
}
