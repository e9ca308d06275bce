/** Going through a manifest part by part, in bounded memory: those that hold nothing of what is wanted are not read. */
import type { Entry } from "../core/format/entry.ts";
import { FormatError } from "../core/format/error.ts";
import type { Manifest, PartRef } from "../core/format/manifest.ts";
import { type ByteString, toText } from "../core/format/path.ts";
import { lossOf } from "./loss.ts";
import { type Getter, type LoadedPart, newerFormat, openPart, readPart } from "./read.ts";
import type { Report } from "./report.ts";

export type Walk = {
  readonly bucket: Getter;
  readonly manifest: Manifest;
  /** Which stretches of paths, from `first` up to `next`, are worth reading, and which entries are kept. */
  readonly concerns: (first: ByteString, next: ByteString | undefined) => boolean;
  readonly wanted: (entry: Entry) => boolean;
  readonly report: Report;
};

type Stretch = { readonly part: PartRef; readonly next: ByteString | undefined };

/**
 * The parts in order. One that is missing or damaged is told and left out, so that it costs no more than its entries.
 * The next one is being fetched while one is worked on.
 */
export async function* walkParts({ bucket, manifest, concerns, wanted, report }: Walk): AsyncGenerator<LoadedPart> {
  const stretches = stretchesOf(manifest).filter(({ part, next }) => concerns(part.first, next));
  let ahead: Promise<Uint8Array> | undefined;
  for (const [number, stretch] of stretches.entries()) {
    const stored = ahead ?? fetchAhead(bucket, stretch);
    const following = stretches[number + 1];
    ahead = following && fetchAhead(bucket, following);
    const opened = await openOrTell(stretch, stored, wanted, report);
    if (opened !== undefined) yield opened;
  }
}

async function openOrTell(
  { part, next }: Stretch,
  stored: Promise<Uint8Array>,
  wanted: Walk["wanted"],
  report: Report,
): Promise<LoadedPart | undefined> {
  try {
    return await openPart(await stored, part, next, wanted);
  } catch (error) {
    if (error instanceof FormatError && error.kind === "newer") throw newerFormat(error, part.key);
    tellLost(part, error, report);
    return undefined;
  }
}

function stretchesOf({ parts }: Manifest): Stretch[] {
  return parts.map((part, number) => ({ part, next: parts[number + 1]?.first }));
}

function fetchAhead(bucket: Getter, { part }: Stretch): Promise<Uint8Array> {
  const fetched = readPart(bucket, part);
  // Its error is for whoever awaits it; until then it is not "unhandled".
  fetched.catch(() => {});
  return fetched;
}

function tellLost({ key, first, entries }: PartRef, error: unknown, report: Report): void {
  const { why, damage } = lossOf(error, key);
  report.lost("part-lost", {
    doing: `restore ${entries} entries from`,
    what: toText(first),
    why: `${why}, which is a part of the manifest`,
    remedy: "restore them from another backup: `sysbackup list` shows them",
    damage,
  });
}
