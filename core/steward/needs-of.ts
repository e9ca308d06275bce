/** Reads roots, and the object lists at the head of their parts; the entries are of no interest here. */
import type { Stored } from "../bucket/contract.ts";
import type { Manifest } from "../format/manifest.ts";
import { type Loss, lossOf } from "../manifest/loss.ts";
import { readManifest } from "../manifest/read.ts";
import { readParts } from "../manifest/references/read-parts.ts";
import type { LockDemand, References } from "../manifest/references/references.ts";
import { eachOf } from "../side-by-side.ts";
import type { ObjectSource } from "../stored/read.ts";

export type ReadNeedsOptions = {
  readonly bucket: ObjectSource;
  readonly references: References;
  /** What this manifest demands of the locks of all that it needs; undefined if that does not matter. */
  readonly demandOf: (manifest: Manifest) => LockDemand | undefined;
  /** Called for a root or part whose needs are not known, as it is missing, damaged or of a newer format; may throw. */
  readonly onUnreadable: (object: Stored, loss: Loss) => void;
  readonly signal: AbortSignal;
};

const rootsAtOnce = 8;
const partsAtOnce = 3;

/** `roots`: each in one version. Parts that were read for earlier roots are not read again. */
export async function addNeedsOf(roots: Iterable<Stored>, reading: ReadNeedsOptions): Promise<void> {
  const { bucket, references, onUnreadable, signal } = reading;
  await eachOf(roots, rootsAtOnce, async (root) => {
    signal.throwIfAborted();
    const manifest = await readRoot(root, reading);
    if (manifest !== undefined) references.addBackup({ root, manifest, demand: reading.demandOf(manifest) });
  });
  await readParts(references.takeParts(), {
    bucket,
    atOnce: partsAtOnce,
    use: (part, { objects }) => references.addContent(part, objects),
    onLost: ({ ref }, loss) => onUnreadable(ref, loss),
    signal,
  });
}

async function readRoot(root: Stored, { bucket, onUnreadable }: ReadNeedsOptions): Promise<Manifest | undefined> {
  try {
    return await readManifest(bucket, root);
  } catch (error) {
    onUnreadable(root, lossOf(error, root.key));
    return undefined;
  }
}
