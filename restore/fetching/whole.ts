/** Fetches content from objects without frames, of any size: the layout `objects` stores each file as one. */

import type { ByteStream } from "../../core/format/codecs/zlib.ts";
import type { ObjectRef } from "../../core/format/entries/entry.ts";
import { type Loss, lossOf } from "../../core/manifest/loss.ts";
import { readBeginning, readContent } from "../../core/stored/read.ts";
import { mayReadBetter } from "../../core/stored/second-read.ts";
import { isOver } from "../entries/job.ts";
import { deliver, loseAll, wrongContent } from "./deliver.ts";
import type { FetchContext } from "./fetch-context.ts";
import { checkFlowing, type ExtentSink, releasing } from "./flowing.ts";
import { mostHeld, type Use } from "./plan.ts";

export async function fetchWhole(object: ObjectRef, uses: readonly Use[], context: FetchContext): Promise<void> {
  const { files, onProgress } = context;
  const again: Use[] = [];
  await readWhole(object, uses, context, (wrong, loss, mayBeBetter) => {
    if (mayBeBetter) for (const use of wrong) again.push(use);
    else loseAll(wrong, loss, files);
  });
  if (again.length > 0) await readWhole(object, again, context, (wrong, loss) => loseAll(wrong, loss, files));
  onProgress();
}

/** Called with what the object does not hold, and whether a second read may give it. */
type OnWrongUses = (uses: readonly Use[], loss: Loss, mayBeBetter: boolean) => void;

async function readWhole(object: ObjectRef, uses: readonly Use[], context: FetchContext, onWrong: OnWrongUses) {
  const { bucket, garbage, running } = context;
  const left = new Set(uses);
  try {
    if (running !== undefined) {
      const first = uses.reduce((least, { extent }) => Math.min(least, extent.offset), Number.MAX_SAFE_INTEGER);
      const { start, content } = await running.from(object, first);
      return await deliverAsItComes(object, left, { start, content }, context, onWrong);
    }
    const end = uses.reduce((most, { extent }) => Math.max(most, extent.offset + extent.length), 0);
    if (end <= mostHeld) {
      garbage.left(object.size + end);
      const content = await readBeginning(bucket, object, end);
      left.clear();
      const wrong = await deliver(uses, content, context);
      if (wrong.length > 0) onWrong(wrong, wrongContent(object.key), true);
    } else {
      const content = releasing(readContent(bucket, object, end));
      await deliverAsItComes(object, left, { start: 0, content }, context, onWrong);
    }
  } catch (error) {
    await running?.close();
    onWrong([...left], lossOf(error, object.key), mayReadBetter(error));
  }
}

/**
 * Writes an object's content while it is read, so that a file of any size takes little memory. Each extent is verified at
 * its end, before the file gets its name. Takes those that are over from `left`.
 */
async function deliverAsItComes(
  object: ObjectRef,
  left: Set<Use>,
  { start, content }: { readonly start: number; readonly content: ByteStream },
  { files, signal, onProgress }: FetchContext,
  onWrong: OnWrongUses,
): Promise<void> {
  const sink: ExtentSink<Use> = {
    expected: ({ extent }) => extent,
    take(use, { bytes, start, last }) {
      const { job, position } = use;
      if (!isOver(job)) files.write(job, bytes, position + start, last);
      if (last || isOver(job)) left.delete(use);
      return !isOver(job);
    },
    wrong(use) {
      left.delete(use);
      onWrong([use], wrongContent(object.key), true);
    },
  };
  const ordered = [...left].sort((one, other) => one.extent.offset - other.extent.offset);
  await checkFlowing(ordered, watched(content, signal, onProgress), sink, start);
}

async function* watched(content: AsyncIterable<Uint8Array>, signal: AbortSignal, onProgress: () => void) {
  for await (const piece of content) {
    signal.throwIfAborted();
    yield piece;
    onProgress();
  }
}
