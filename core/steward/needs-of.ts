/** Reads roots, and the object lists at the head of their parts; the entries are of no interest here. */
import type { Stored } from "../bucket/contract.ts";
import { BucketError } from "../bucket/contract.ts";
import { reasonOf } from "../failure.ts";
import { FormatError } from "../format/error.ts";
import type { Manifest } from "../format/manifest.ts";
import { decodePart } from "../format/part.ts";
import { endsJob } from "../manifest/loss.ts";
import { ManifestRefused, readManifest, readPart, textOfPart } from "../manifest/read.ts";
import { eachOf } from "../side-by-side.ts";
import type { ObjectSource } from "../stored/read.ts";
import { release } from "../system/garbage.ts";
import type { Needed } from "./needed.ts";

export type Reading = {
  readonly bucket: ObjectSource;
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

/** `roots`: each in one version. Parts that were read for earlier roots are not read again. */
export async function addNeedsOf(roots: Iterable<Stored>, reading: Reading): Promise<void> {
  const { needed, signal } = reading;
  await eachOf(roots, rootsAtOnce, (root) => orTell(root, reading, () => readRoot(root, reading)));
  for (let parts = needed.takeParts(); parts.length > 0; parts = needed.takeParts()) {
    await eachOf(parts, partsAtOnce, async (part) => {
      signal.throwIfAborted();
      await orTell(part, reading, async () => {
        const text = await textOfPart(await readPart(reading.bucket, part), part);
        needed.add(decodePart(text).objects, part.until);
        release(text);
      });
    });
  }
}

async function readRoot(root: Stored, { bucket, needed, until, signal }: Reading): Promise<void> {
  signal.throwIfAborted();
  const manifest = await readManifest(bucket, root);
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
