/** Fetches content from objects without frames, of any size: the layout `objects` stores each file as one. */
import type { ObjectRef } from "../core/format/entry.ts";
import { lossOf } from "../core/manifest/loss.ts";
import { readBeginning, readContent } from "../core/stored/read.ts";
import { deliver, loseAll, wrongContent } from "./deliver.ts";
import type { FetchContext } from "./fetch-context.ts";
import { checkFlowing } from "./flowing.ts";
import { mostHeld, type Use } from "./plan.ts";

export async function fetchWhole(object: ObjectRef, uses: readonly Use[], context: FetchContext): Promise<void> {
  const { bucket, files, garbage, onProgress } = context;
  try {
    const end = Math.max(...uses.map(({ extent }) => extent.offset + extent.length));
    if (end <= mostHeld) {
      garbage.left(object.size + end);
      deliver(uses, await readBeginning(bucket, object, end), object, files);
    } else {
      await deliverAsItComes(object, uses, end, context);
    }
  } catch (error) {
    loseAll(uses, lossOf(error, object.key), files);
  }
  onProgress();
}

/**
 * Writes an object's content while it is read, so that a file of any size takes little memory. Each extent is verified at
 * its end, before the file gets its name.
 */
async function deliverAsItComes(
  object: ObjectRef,
  uses: readonly Use[],
  end: number,
  context: FetchContext,
): Promise<void> {
  const { bucket, files, signal, onProgress } = context;
  await checkFlowing(uses, watched(readContent(bucket, object, end), signal, onProgress), {
    expected: ({ extent }) => extent,
    take({ job, position }, { bytes, start, last }) {
      if (!job.over) files.write(job, bytes, position + start, last);
      return !job.over;
    },
    wrong: ({ job }) => files.lose(job, wrongContent(object.key)),
  });
}

async function* watched(content: AsyncIterable<Uint8Array>, signal: AbortSignal, onProgress: () => void) {
  for await (const piece of content) {
    signal.throwIfAborted();
    yield piece;
    onProgress();
  }
}
