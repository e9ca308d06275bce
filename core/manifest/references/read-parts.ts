/** Reads parts of manifests side by side, each distinct one once, in bounded memory. */
import type { Entry, ObjectRef } from "../../format/entry.ts";
import { decodePart } from "../../format/part.ts";
import { eachOf } from "../../side-by-side.ts";
import type { ObjectSource } from "../../stored/read.ts";
import { release } from "../../system/garbage.ts";
import { type Loss, lossOf } from "../loss.ts";
import { readPart, textOfPart } from "../read.ts";
import type { ReferencedPart } from "./references.ts";

export type PartContent = {
  readonly objects: readonly ObjectRef[];
  /**
   * May be iterated once, or not at all if the objects are enough. Throws a FormatError at a malformed entry: note down
   * nothing before the end. Roots may say otherwise of the first path and the number of entries.
   */
  readonly entries: Iterable<Entry>;
};

export type ReadPartsOptions = {
  readonly bucket: ObjectSource;
  /** A part is some megabytes of text, and 32 MiB at most in ordinary ones. */
  readonly atOnce: number;
  readonly use: (part: ReferencedPart, content: PartContent) => void;
  /** Called for a part that is missing, damaged or of a newer format; may throw. */
  readonly onLost: (part: ReferencedPart, loss: Loss) => void;
  readonly signal: AbortSignal;
};

export async function readParts(parts: Iterable<ReferencedPart>, reading: ReadPartsOptions): Promise<void> {
  const { bucket, atOnce, use, onLost, signal } = reading;
  await eachOf(parts, atOnce, async (part) => {
    signal.throwIfAborted();
    try {
      const text = await textOfPart(await readPart(bucket, part.ref), part.ref);
      signal.throwIfAborted();
      use(part, decodePart(text));
      release(text);
    } catch (error) {
      signal.throwIfAborted();
      onLost(part, lossOf(error, part.ref.key));
    }
  });
}
