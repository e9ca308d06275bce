/** Reads roots, and the object lists at the head of their parts; the entries are of no interest here. */
import type { BucketReader, Stored } from "../bucket/contract.ts";
import { BucketError } from "../bucket/contract.ts";
import { reasonOf } from "../failure.ts";
import { FormatError } from "../format/error.ts";
import { maxLineBytes } from "../format/lines.ts";
import type { Manifest } from "../format/manifest.ts";
import { decodePart } from "../format/part.ts";
import { fromText } from "../format/path.ts";
import { decodeFrame } from "../manifest/decode.ts";
import { endsJob } from "../manifest/loss.ts";
import { ManifestRefused, readManifest, readPart } from "../manifest/read.ts";
import { eachOf } from "../side-by-side.ts";
import { release } from "../system/garbage.ts";
import type { Needed } from "./needed.ts";

type Getter = Pick<BucketReader, "get">;

export type Reading = {
  readonly bucket: Getter;
  readonly needed: Needed;
  /** To when all that this manifest needs is to be locked: see `NeededObject`. */
  readonly until: (manifest: Manifest) => number;
  /** Of a root or part that is missing, damaged, or of a newer format; may throw. What it needs is not known. */
  readonly onUnreadable: (object: Stored, why: string) => void;
  readonly signal: AbortSignal;
};

const rootsAtOnce = 8;
/** A part is several megabytes of text, 32 MiB at the most in ordinary ones. */
const partsAtOnce = 3;
const mostPartBytes = maxLineBytes + 64 * 1024 * 1024;

/** What a root says of its part's entries, and nobody asks for here. */
const unknown = { first: fromText("/"), entries: 0, bytes: 0 };

/** `roots`: each in one version. Parts that were read for earlier roots are not read again. */
export async function addNeedsOf(roots: Iterable<Stored>, reading: Reading): Promise<void> {
  const { needed, signal } = reading;
  await eachOf(roots, rootsAtOnce, (root) => orTell(root, reading, () => readRoot(root, reading)));
  for (let parts = needed.takeParts(); parts.length > 0; parts = needed.takeParts()) {
    await eachOf(parts, partsAtOnce, async (part) => {
      signal.throwIfAborted();
      await orTell(part, reading, async () => {
        const text = await decodeFrame(await readPart(reading.bucket, { ...part, ...unknown }), mostPartBytes);
        needed.add(decodePart(text).objects, part.until);
        release(text);
      });
    });
  }
}

async function readRoot(root: Stored, { bucket, needed, until, signal }: Reading): Promise<void> {
  signal.throwIfAborted();
  const thisVersion: Getter = { get: (key, options) => bucket.get(key, { ...options, version: root.version }) };
  const manifest = await readManifest(thisVersion, { key: root.key });
  needed.addRoot(root, manifest, until(manifest));
}

async function orTell(object: Stored, { onUnreadable }: Reading, read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    const ofThisObject =
      error instanceof ManifestRefused ||
      error instanceof FormatError ||
      (error instanceof BucketError && !endsJob(error));
    if (!ofThisObject) throw error;
    onUnreadable(
      object,
      error instanceof BucketError || error instanceof ManifestRefused ? error.parts.why : reasonOf(error),
    );
  }
}
