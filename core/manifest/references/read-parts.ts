/** Reads parts of manifests side by side, each distinct one once, in bounded memory. */
import type { ObjectRef, PartEntry } from "../../format/entries/entry.ts";
import { type BadEntry, decodePart } from "../../format/manifest/part.ts";
import { Budget, eachOf } from "../../side-by-side.ts";
import type { ObjectSource } from "../../stored/read.ts";
import type { ContentNeed } from "../legacy/content.ts";
import { type Loss, lossOf } from "../loss.ts";
import { fetchPart, keepBad } from "../read.ts";
import type { ReferencedPart } from "./references.ts";

export type PartContent = {
  readonly objects: readonly ObjectRef[];
  /**
   * May be iterated once, or not at all if the objects are enough. Bad entries are left out. Roots may say otherwise of the
   * first path and the number of entries.
   */
  readonly entries: Iterable<PartEntry>;
  /** Bad entries among those that were iterated over. */
  readonly bad: readonly BadEntry[];
};

export type ReadPartsOptions = {
  readonly bucket: ObjectSource;
  /** A part is some megabytes of text, and 32 MiB at most in ordinary ones. */
  readonly atOnce: number;
  readonly use: (part: ReferencedPart, content: PartContent) => void;
  /** Called for a part that is missing, damaged or of a newer format; may throw. */
  readonly onLost: (part: ReferencedPart, loss: Loss) => void;
  /** `objects`: entries are not iterated over. Content of s3-sysbackup is then not looked at. Default: `content`. */
  readonly need?: ContentNeed;
  readonly signal: AbortSignal;
};

/** Text of parts in memory at a time. Most have some MiB; one that has more is read alone. */
const mostText = 32 * 1024 * 1024;

export async function readParts(parts: Iterable<ReferencedPart>, reading: ReadPartsOptions): Promise<void> {
  const { bucket, atOnce, use, onLost, need, signal } = reading;
  const memory = new Budget(mostText);
  await eachOf(parts, atOnce, async (part) => {
    signal.throwIfAborted();
    try {
      const { weight, open } = await fetchPart(bucket, part.ref, need);
      await memory.take(weight);
      try {
        signal.throwIfAborted();
        using text = await open();
        signal.throwIfAborted();
        const bad: BadEntry[] = [];
        use(part, { ...decodePart(text, keepBad(bad)), bad });
      } finally {
        memory.give(weight);
      }
    } catch (error) {
      signal.throwIfAborted();
      onLost(part, lossOf(error, part.ref.key));
    }
  });
}
