/** Reads dumps, whether each is one object or lies in chunks. */
import { dumpPath, longestDumpExtent } from "../../core/format/entries/dump.ts";
import type { FileEntry, Segment } from "../../core/format/entries/entry.ts";
import { behindSegments } from "../../core/format/entries/segment.ts";
import { altered, FormatError } from "../../core/format/error.ts";
import { isWhole, type Manifest, type SnapshotRef } from "../../core/format/manifest/manifest.ts";
import { damaged, type Loss, lossOf } from "../../core/manifest/loss.ts";
import type { LoadedPart } from "../../core/manifest/read.ts";
import { walkParts } from "../../core/manifest/walk.ts";
import { inOrder } from "../../core/side-by-side.ts";
import { checked } from "../../core/stored/bytes.ts";
import { type ObjectSource, readCheckedContent } from "../../core/stored/read.ts";
import { Garbage, release } from "../../core/system/threads/garbage.ts";
import { type ExtentRun, heldExtents, runsOf } from "../fetching/held-extents.ts";
import { OpenedPacks } from "../fetching/opened-packs.ts";

export type DumpSource = {
  readonly bucket: ObjectSource;
  /** Has the dump. */
  readonly manifest: Pick<Manifest, "dumps">;
};

/** Runs of extents that are fetched ahead, of `longestDumpExtent` each. */
const ahead = 4;

/** Packs that are sealed are opened one after another, and so many are held. */
const mostHeld = 4;

/** Stored bytes after which garbage is collected. */
const garbageLimit = 16 * 1024 * 1024;

/** Error for a dump of which something else than its own object is lost. */
class DumpLost extends Error {
  constructor(readonly loss: Loss) {
    super(loss.why);
  }
}

/** Describes what is lost after an error while reading a dump. Throws errors that end the job. */
export function lossOfDump(error: unknown, snapshot: SnapshotRef): Loss {
  if (error instanceof DumpLost) return error.loss;
  if (isWhole(snapshot)) return lossOf(error, snapshot.key);
  const path = dumpPath(snapshot.snapshotter);
  if (!(error instanceof FormatError) || error.kind !== "altered") return lossOf(error, path);
  const how = `is not what its chunks make up: ${error.message}`;
  return { ...damaged(path, how), why: `the dump ${how}`, junk: true };
}

/**
 * Yields the dump, in pieces that are good until the next is asked for. Throws, at its end at the latest, if anything is not as the
 * manifest says.
 */
export function dumpOf(snapshot: SnapshotRef, { bucket, manifest }: DumpSource): AsyncGenerator<Uint8Array> {
  const { dump_size, dump_sha256 } = snapshot;
  const content = isWhole(snapshot)
    ? // One more byte shows that it is too long.
      readCheckedContent(bucket, snapshot, dump_size + 1)
    : chunksOf(snapshot.snapshotter, { bucket, manifest });
  return checked(content, dump_size, dump_sha256);
}

/** Yields what a dump in chunks consists of, each chunk verified by its own digest. */
async function* chunksOf(snapshotter: string, { bucket, manifest }: DumpSource): AsyncGenerator<Uint8Array> {
  const packs = new OpenedPacks(bucket, { most: mostHeld, atOnce: 1 });
  const garbage = new Garbage(garbageLimit);
  for await (const part of partsOf(snapshotter, { bucket, manifest })) {
    const pieces = inOrder(runsIn(part), ahead, async (run) =>
      packs.opens(run.object) ? openedBytes(packs, run, garbage) : [await bytesOf(bucket, run, garbage)],
    );
    for await (const some of pieces) {
      for await (const bytes of some) {
        yield bytes;
        release(bytes);
      }
    }
  }
}

/** Yields what lies in a sealed pack, which is opened when the first byte is asked for. */
async function* openedBytes(packs: OpenedPacks, run: ExtentRun, garbage: Garbage): AsyncGenerator<Uint8Array> {
  using pack = await orLose(run, () => packs.open(run.object));
  yield await bytesOf(pack.bucket, { ...run, object: pack.object }, garbage);
}

async function orLose<Result>({ object }: ExtentRun, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    throw new DumpLost(lossOf(error, object.key));
  }
}

/** Yields the entry of a dump, and its segments. */
function partsOf(snapshotter: string, { bucket, manifest }: DumpSource): AsyncGenerator<LoadedPart> {
  const path = dumpPath(snapshotter);
  const end = behindSegments(path);
  const isOurs = (one: string) => one === path || one.startsWith(`${path}/`);
  return walkParts({
    bucket,
    manifest: { parts: manifest.dumps ?? [] },
    concerns: (first, next) => first < end && (next === undefined || next > path),
    wanted: (entry) => isOurs(entry.path),
    sieve: isOurs,
    onLost: (_, loss) => {
      throw new DumpLost(loss);
    },
    onBadEntry: ({ path: bad, why }) => {
      if (bad === undefined || isOurs(bad)) throw altered(why);
    },
  });
}

function* runsIn({ objects, entries }: LoadedPart): Generator<ExtentRun> {
  for (const entry of entries) {
    if (!isContentOnly(entry)) throw altered("its entry is not that of a dump");
    if (entry.extents.some(({ length }) => length > longestDumpExtent)) throw altered("a chunk of it is too long");
    yield* runsOf(entry.extents, objects, longestDumpExtent);
  }
}

/** Nothing of a dump is a hole, which would take no content to claim any size. */
function isContentOnly(entry: LoadedPart["entries"][number]): entry is FileEntry | Segment {
  return (entry.type === "file" || entry.type === "segment") && entry.holes.length === 0;
}

function bytesOf(bucket: ObjectSource, run: ExtentRun, garbage: Garbage): Promise<Uint8Array> {
  return orLose(run, async () => {
    const content = Buffer.allocUnsafeSlow(run.extents.reduce((sum, { length }) => sum + length, 0));
    let filled = 0;
    for await (const bytes of heldExtents(bucket, run, garbage)) {
      content.set(bytes, filled);
      filled += bytes.length;
    }
    return content;
  });
}
