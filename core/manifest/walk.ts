/** Goes through a manifest part by part, in bounded memory. Parts that hold nothing of what is wanted are not read. */
import type { Entry } from "../format/entries/entry.ts";
import { FormatError } from "../format/error.ts";
import type { PartRef } from "../format/manifest/manifest.ts";
import type { BadEntry, Sieve } from "../format/manifest/part.ts";
import type { ByteString } from "../format/path.ts";
import type { ObjectSource } from "../stored/read.ts";
import type { ContentNeed } from "./legacy/content.ts";
import { type Loss, lossOf } from "./loss.ts";
import type { PartList } from "./part-lists.ts";
import {
  type FetchedPart,
  fetchPart,
  type LoadedPart,
  type OnBadEntry,
  openPart,
  type PathStretch,
  refusal,
  type Wanted,
} from "./read.ts";

/**
 * Called for a part that is missing or damaged: it is left out, so that it costs no more than its entries. `next`: where what follows it
 * begins.
 */
export type OnLostPart = (part: PartRef, loss: Loss, next: ByteString | undefined) => void;

export type WalkOptions = {
  readonly bucket: ObjectSource;
  readonly manifest: PartList;
  /** Which stretches of paths, from `first` up to `next`, are worth reading, and which entries are kept. */
  readonly concerns: (first: ByteString, next: ByteString | undefined, part: PartRef) => boolean;
  readonly wanted: Wanted;
  /** Entries that do not pass are not even decoded. */
  readonly sieve?: Sieve;
  readonly onLost: OnLostPart;
  readonly onBadEntry: OnBadEntry;
  /** What is to be known of content of s3-sysbackup. Default: `content`. */
  readonly need?: ContentNeed;
};

/** Stored bytes of a part that is fetched ahead. Most have less than 1 MiB. */
const largestAhead = 8 * 1024 * 1024;

/** Reads the parts in order, each in one piece or, if it is large, in several. The next one is being fetched while one is worked on. */
export async function* walkParts({
  bucket,
  manifest,
  concerns,
  wanted,
  sieve,
  onLost,
  onBadEntry,
  need,
}: WalkOptions): AsyncGenerator<LoadedPart> {
  const stretches = stretchesOf(manifest).filter(({ part, next }) => concerns(part.first, next, part));
  let ahead: Promise<FetchedPart> | undefined;
  for (const [number, stretch] of stretches.entries()) {
    const stored = ahead ?? fetchAhead(bucket, stretch, need);
    const following = stretches[number + 1];
    ahead = following && following.part.size <= largestAhead ? fetchAhead(bucket, following, need) : undefined;
    using text = await orLose(stretch, onLost, async () => (await stored).open());
    const opened = text && (await orLose(stretch, onLost, async () => openPart(text, stretch, wanted, sieve)));
    if (opened === undefined) continue;
    opened.bad.forEach(onBadEntry);
    yield* opened.batches;
  }
}

export type PartWishes = {
  readonly wanted: Wanted;
  readonly sieve?: Sieve | undefined;
  readonly onLost: OnLostPart;
  /** The part, if it is fetched already. */
  readonly fetched?: FetchedPart | undefined;
};

/** All that is wanted of one part, at once, without segments of content. */
export type GatheredPart = {
  readonly entries: readonly Entry[];
  readonly bad: readonly BadEntry[];
  /** Path of the last entry that can be read. */
  readonly last: ByteString | undefined;
  /** Bytes of its text. */
  readonly bytes: number;
};

/** Reads one part, to show what is in it: lengths of files of s3-sysbackup may be wrong. Returns undefined if it is lost. */
export async function readStretch(
  bucket: ObjectSource,
  stretch: PathStretch,
  { wanted, sieve, onLost, fetched }: PartWishes,
): Promise<GatheredPart | undefined> {
  using text = await orLose(stretch, onLost, async () =>
    (fetched ?? (await fetchPart(bucket, stretch.part, "sizes"))).open(),
  );
  const opened = text && (await orLose(stretch, onLost, async () => openPart(text, stretch, wanted, sieve)));
  if (text === undefined || opened === undefined) return undefined;
  const { batches, bad, last } = opened;
  const entries: Entry[] = [];
  for (const batch of batches) entries.push(...withoutSegments(batch));
  return { entries, bad, last, bytes: text.length };
}

/** Returns the entries of a part, without segments of the content of very large files. */
export function withoutSegments({ entries }: LoadedPart): Entry[] {
  return entries.filter((entry) => entry.type !== "segment");
}

/** Returns undefined if the part is lost; that is reported. */
async function orLose<Result>(
  { part, next }: PathStretch,
  onLost: OnLostPart,
  action: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof FormatError && error.kind === "newer") throw refusal(error, part.key);
    onLost(part, lossOf(error, part.key), next);
    return undefined;
  }
}

export function stretchesOf({ parts, end }: PartList): PathStretch[] {
  return parts.map((part, number) => ({ part, next: parts[number + 1]?.first ?? end }));
}

function fetchAhead(bucket: ObjectSource, { part }: PathStretch, need?: ContentNeed): Promise<FetchedPart> {
  const fetched = fetchPart(bucket, part, need);
  // Its error is for the one who awaits it; until then it is not "unhandled".
  fetched.catch(() => {});
  return fetched;
}
