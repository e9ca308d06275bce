/** Goes through a manifest part by part, in bounded memory. Parts that hold nothing of what is wanted are not read. */
import { FormatError } from "../format/error.ts";
import type { PartRef } from "../format/manifest.ts";
import type { ByteString } from "../format/path.ts";
import type { ObjectSource } from "../stored/read.ts";
import { type Loss, lossOf } from "./loss.ts";
import type { PartList } from "./part-lists.ts";
import { type LoadedPart, type OnBadEntry, openPart, readPart, refusal, type Wanted } from "./read.ts";

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

type Stretch = { readonly part: PartRef; readonly next: ByteString | undefined };

/** Stored bytes of a part that is fetched ahead. Most have less than 1 MiB. */
const largestAhead = 8 * 1024 * 1024;

/** Reads the parts in order. The next one is being fetched while one is worked on. */
export async function* walkParts({
  bucket,
  manifest,
  concerns,
  wanted,
  onLost,
  onBadEntry,
}: WalkOptions): AsyncGenerator<LoadedPart> {
  const stretches = stretchesOf(manifest).filter(({ part, next }) => concerns(part.first, next));
  let ahead: Promise<Uint8Array> | undefined;
  for (const [number, stretch] of stretches.entries()) {
    const stored = ahead ?? fetchAhead(bucket, stretch);
    const following = stretches[number + 1];
    ahead = following && following.part.size <= largestAhead ? fetchAhead(bucket, following) : undefined;
    const opened = await openOrLose(stretch, stored, wanted, onLost);
    if (opened === undefined) continue;
    const { bad, ...part } = opened;
    bad.forEach(onBadEntry);
    yield part;
  }
}

async function openOrLose(
  { part, next }: Stretch,
  stored: Promise<Uint8Array>,
  wanted: Wanted,
  onLost: WalkOptions["onLost"],
): Promise<Awaited<ReturnType<typeof openPart>> | undefined> {
  try {
    return await openPart(await stored, part, next, wanted);
  } catch (error) {
    if (error instanceof FormatError && error.kind === "newer") throw refusal(error, part.key);
    onLost(part, lossOf(error, part.key));
    return undefined;
  }
}

function stretchesOf({ parts, end }: PartList): Stretch[] {
  return parts.map((part, number) => ({ part, next: parts[number + 1]?.first ?? end }));
}

function fetchAhead(bucket: ObjectSource, { part }: Stretch): Promise<Uint8Array> {
  const fetched = readPart(bucket, part);
  // Its error is for the one who awaits it; until then it is not "unhandled".
  fetched.catch(() => {});
  return fetched;
}
