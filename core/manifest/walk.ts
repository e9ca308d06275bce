/** Goes through a manifest part by part, in bounded memory. Parts that hold nothing of what is wanted are not read. */
import { FormatError } from "../format/error.ts";
import type { PartRef } from "../format/manifest.ts";
import type { ByteString } from "../format/path.ts";
import type { ObjectSource } from "../stored/read.ts";
import { type Loss, lossOf } from "./loss.ts";
import type { PartList } from "./part-lists.ts";
import {
  type FetchedPart,
  fetchPart,
  type LoadedPart,
  type OnBadEntry,
  openPart,
  refusal,
  type Wanted,
} from "./read.ts";

export type WalkOptions = {
  readonly bucket: ObjectSource;
  readonly manifest: PartList;
  /** Which stretches of paths, from `first` up to `next`, are worth reading, and which entries are kept. */
  readonly concerns: (first: ByteString, next: ByteString | undefined) => boolean;
  readonly wanted: Wanted;
  /** Called for a part that is missing or damaged: it is left out, so that it costs no more than its entries. */
  readonly onLost: (part: PartRef, loss: Loss) => void;
  readonly onBadEntry: OnBadEntry;
};

type PathStretch = { readonly part: PartRef; readonly next: ByteString | undefined };

/** Stored bytes of a part that is fetched ahead. Most have less than 1 MiB. */
const largestAhead = 8 * 1024 * 1024;

/** Reads the parts in order, each in one piece or, if it is large, in several. The next one is being fetched while one is worked on. */
export async function* walkParts({
  bucket,
  manifest,
  concerns,
  wanted,
  onLost,
  onBadEntry,
}: WalkOptions): AsyncGenerator<LoadedPart> {
  const stretches = stretchesOf(manifest).filter(({ part, next }) => concerns(part.first, next));
  let ahead: Promise<FetchedPart> | undefined;
  for (const [number, stretch] of stretches.entries()) {
    const stored = ahead ?? fetchAhead(bucket, stretch);
    const following = stretches[number + 1];
    ahead = following && following.part.size <= largestAhead ? fetchAhead(bucket, following) : undefined;
    using text = await orLose(stretch, onLost, async () => (await stored).open());
    const { part, next } = stretch;
    const opened = text && (await orLose(stretch, onLost, async () => openPart(text, part, next, wanted)));
    if (opened === undefined) continue;
    opened.bad.forEach(onBadEntry);
    yield* opened.batches;
  }
}

/** Returns undefined if the part is lost; that is reported. */
async function orLose<Result>(
  { part }: PathStretch,
  onLost: WalkOptions["onLost"],
  action: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof FormatError && error.kind === "newer") throw refusal(error, part.key);
    onLost(part, lossOf(error, part.key));
    return undefined;
  }
}

function stretchesOf({ parts, end }: PartList): PathStretch[] {
  return parts.map((part, number) => ({ part, next: parts[number + 1]?.first ?? end }));
}

function fetchAhead(bucket: ObjectSource, { part }: PathStretch): Promise<FetchedPart> {
  const fetched = fetchPart(bucket, part);
  // Its error is for the one who awaits it; until then it is not "unhandled".
  fetched.catch(() => {});
  return fetched;
}
