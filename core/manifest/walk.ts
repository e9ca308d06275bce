/** Goes through a manifest part by part, in bounded memory. Parts that hold nothing of what is wanted are not read. */
import { FormatError } from "../format/error.ts";
import type { Manifest, PartRef } from "../format/manifest.ts";
import type { Sieve } from "../format/part.ts";
import type { ByteString } from "../format/path.ts";
import type { ObjectSource } from "../stored/read.ts";
import { type Loss, lossOf } from "./loss.ts";
import {
  type LoadedPart,
  type OnBadEntry,
  type OpenedPart,
  openPart,
  readPart,
  refusal,
  type Stretch,
  type Wanted,
} from "./read.ts";

/** Called for a part that is missing or damaged: it is left out, so that it costs no more than its entries. */
export type OnLostPart = (part: PartRef, loss: Loss) => void;

export type WalkOptions = {
  readonly bucket: ObjectSource;
  readonly manifest: Manifest;
  /** Which stretches of paths, from `first` up to `next`, are worth reading, and which entries are kept. */
  readonly concerns: (first: ByteString, next: ByteString | undefined, part: PartRef) => boolean;
  readonly wanted: Wanted;
  /** Entries that do not pass are not even decoded. */
  readonly sieve?: Sieve;
  readonly onLost: OnLostPart;
  readonly onBadEntry: OnBadEntry;
};

export type WalkedPart = LoadedPart & Pick<OpenedPart, "bytes">;

/** Stored bytes of a part that is fetched ahead. Most have less than 1 MiB. */
const largestAhead = 8 * 1024 * 1024;

/** Reads the parts in order. The next one is being fetched while one is worked on. */
export async function* walkParts({
  bucket,
  manifest,
  concerns,
  wanted,
  sieve,
  onLost,
  onBadEntry,
}: WalkOptions): AsyncGenerator<WalkedPart> {
  const stretches = stretchesOf(manifest).filter(({ part, next }) => concerns(part.first, next, part));
  let ahead: Promise<Uint8Array> | undefined;
  for (const [number, stretch] of stretches.entries()) {
    const stored = ahead ?? fetchAhead(bucket, stretch);
    const following = stretches[number + 1];
    ahead = following && following.part.size <= largestAhead ? fetchAhead(bucket, following) : undefined;
    const opened = await openOrLose(stretch, stored, { wanted, sieve, onLost });
    if (opened === undefined) continue;
    const { bad, objects, entries, bytes } = opened;
    bad.forEach(onBadEntry);
    yield { objects, entries, bytes };
  }
}

export type PartWishes = {
  readonly wanted: Wanted;
  readonly sieve?: Sieve | undefined;
  readonly onLost: OnLostPart;
};

/** Reads one part. Returns undefined if it is lost. */
export function readStretch(
  bucket: ObjectSource,
  stretch: Stretch,
  wishes: PartWishes,
): Promise<OpenedPart | undefined> {
  return openOrLose(stretch, fetchAhead(bucket, stretch), wishes);
}

async function openOrLose(
  stretch: Stretch,
  stored: Promise<Uint8Array>,
  { wanted, sieve, onLost }: PartWishes,
): Promise<OpenedPart | undefined> {
  const { part } = stretch;
  try {
    return await openPart(await stored, stretch, wanted, sieve);
  } catch (error) {
    if (error instanceof FormatError && error.kind === "newer") throw refusal(error, part.key);
    onLost(part, lossOf(error, part.key));
    return undefined;
  }
}

export function stretchesOf({ parts }: Manifest): Stretch[] {
  return parts.map((part, number) => ({ part, next: parts[number + 1]?.first }));
}

function fetchAhead(bucket: ObjectSource, { part }: Stretch): Promise<Uint8Array> {
  const fetched = readPart(bucket, part);
  // Its error is for the one who awaits it; until then it is not "unhandled".
  fetched.catch(() => {});
  return fetched;
}
