/**
 * Fetches content from the bucket: each frame once, in few requests, several of them side by side. Each extent is
 * verified by its SHA-256. Content that is missing or not as the manifest says costs only the files that need it.
 */
import { isPack, isReadInRanges } from "../../core/format/codecs/encoding.ts";
import { decodeFrame, frameContentSize } from "../../core/format/codecs/frame.ts";
import type { ObjectRef } from "../../core/format/entries/entry.ts";
import { type Loss, lossOf } from "../../core/manifest/loss.ts";
import { eachOf } from "../../core/side-by-side.ts";
import { readRange } from "../../core/stored/read.ts";
import { mayReadBetter } from "../../core/stored/second-read.ts";
import { release } from "../../core/system/threads/garbage.ts";
import { descriptorShare } from "../../core/system/threads/limits.ts";
import { work } from "../../core/trace.ts";
import { deliver, loseAll, wrongContent } from "./deliver.ts";
import { Deliveries } from "./deliveries.ts";
import type { FetchContext } from "./fetch-context.ts";
import { framesIn } from "./frames.ts";
import type { ReadablePack } from "./opened-packs.ts";
import { type Frame, type ObjectPlan, type Read, readsOf, type Use } from "./plan.ts";
import { fetchWhole } from "./whole.ts";

/** Requests side by side: some for many frames each, of some MiB; some for single objects, most of them small. */
export const mostReads = descriptorShare(4);
const mostObjects = descriptorShare(16);

type ReadTask = { readonly object: ObjectRef; readonly read: Read };

/** `begun` is called when all that is left are reads under way. */
export async function fetchContent(
  plans: readonly ObjectPlan[],
  context: FetchContext,
  begun: () => void,
): Promise<void> {
  const hasFrames = ({ object }: ObjectPlan) => isPack(object.encoding);
  const { opened, reads } = context;
  // What is in memory comes first, before other packs take its place.
  const held = plans.filter(({ object }) => opened.holds(object));
  const packs = [...held, ...plans.filter((plan) => hasFrames(plan) && !held.includes(plan))];
  const others = plans.filter((plan) => !hasFrames(plan));
  const tasks = others.length === 0 ? endingWith(begun, tasksOf(packs)) : tasksOf(packs);
  await eachOf(tasks, mostReads, async ({ object, read }) => {
    await reads.take(1);
    try {
      context.signal.throwIfAborted();
      await fetchFrames(object, read, context);
    } finally {
      reads.give(1);
    }
  });
  // Of a running content, there is one at a time.
  await eachOf(others, context.running === undefined ? mostObjects : 1, async ({ object, frames }) => {
    context.signal.throwIfAborted();
    const uses = frames.flatMap((frame) => frame.uses);
    await fetchWhole(object, uses, context);
  });
}

/** Yields all items, and calls `ended` when another one is asked for. */
function* endingWith<Item>(ended: () => void, items: Iterable<Item>): Generator<Item> {
  yield* items;
  ended();
}

function* tasksOf(plans: readonly ObjectPlan[]): Generator<ReadTask> {
  for (const { object, frames } of plans) {
    for (const read of readsOf(frames, isReadInRanges(object.encoding))) yield { object, read };
  }
}

async function fetchFrames(object: ObjectRef, read: Read, context: FetchContext): Promise<void> {
  const again: Frame[] = [];
  await readOpened(object, read, context, (frame, uses, loss, mayBeBetter) => {
    if (mayBeBetter) again.push({ ...frame, uses });
    else loseAll(uses, loss, context.files);
  });
  // Here, to find out why.
  for (const repeated of readsAgain(object, again)) {
    await readFrames(object, repeated, { ...context, writers: undefined }, (_, uses, loss) =>
      loseAll(uses, loss, context.files),
    );
  }
}

/**
 * Plans the second read of frames: one by one, as what is around a damaged one may be damaged, too. Those of a pack that is sealed come by one
 * read, as each read opens all that lies before.
 */
function readsAgain({ encoding }: ObjectRef, frames: readonly Frame[]): Read[] {
  if (!isReadInRanges(encoding))
    return readsOf(
      frames.toSorted((a, b) => a.offset - b.offset),
      false,
    );
  return frames.map((frame) => ({ start: frame.offset, length: frame.length, frames: [frame] }));
}

/** Reads frames of a pack that is sealed out of memory, if much of it is needed, or it is there. */
async function readOpened(object: ObjectRef, read: Read, context: FetchContext, onWrong: OnWrongFrame): Promise<void> {
  const { opened } = context;
  const isMuch = read.start + read.length > object.size / 2;
  if (!opened.opens(object) || !(isMuch || opened.holds(object))) return readFrames(object, read, context, onWrong);
  let pack: ReadablePack | undefined;
  try {
    pack = await opened.open(object);
  } catch {
    // What comes before the damage can be read as it comes, and an error says there what it is.
  }
  if (pack === undefined) return readFrames(object, read, context, onWrong);
  using source = pack;
  await readFrames(object, read, { ...context, bucket: source.bucket }, onWrong, source.object);
}

/** Called with what a frame does not hold, and whether a second read may give it. */
type OnWrongFrame = (frame: Frame, uses: readonly Use[], loss: Loss, mayBeBetter: boolean) => void;

/**
 * Reads frames, each when there is room for it, and reads on while some are being delivered. Returns when all of them are. `source`: what
 * the object is in the bucket of the context.
 */
async function readFrames(
  object: ObjectRef,
  read: Read,
  context: FetchContext,
  onWrong: OnWrongFrame,
  source = object,
): Promise<void> {
  const { bucket, signal, stored: room, underWay, writers } = context;
  const range = { start: read.start, length: read.length };
  const left = new Set(read.frames);
  const deliveries = new Deliveries();
  try {
    for await (const { frame, stored } of framesIn(read, readRange(bucket, source, range), room)) {
      left.delete(frame);
      await underWay.take(1);
      const delivery = deliverFrame(object, frame, stored, context, onWrong);
      deliveries.add(delivery, () => {
        underWay.give(1);
        room.give(frame.length);
      });
      // This thread alone would not be any faster with several.
      if (writers === undefined) await deliveries.end();
      signal.throwIfAborted();
      deliveries.throwIfFailed();
    }
  } catch (error) {
    const loss = lossOf(error, object.key);
    for (const frame of left) onWrong(frame, frame.uses, loss, mayReadBetter(error));
  } finally {
    await deliveries.end();
  }
  signal.throwIfAborted();
}

async function deliverFrame(
  { key }: ObjectRef,
  frame: Frame,
  stored: Uint8Array<ArrayBuffer>,
  context: FetchContext,
  onWrong: OnWrongFrame,
) {
  const { memory, writers, onProgress } = context;
  try {
    const size = frameContentSize(stored);
    await memory.take(size);
    try {
      const wrong =
        writers?.takesFrame(stored.length) === true
          ? await writers.write(frame.uses, stored)
          : await work("decode and write", () => writeHere(frame, stored, context));
      if (wrong.length > 0) onWrong(frame, wrong, wrongContent(key), true);
    } finally {
      memory.give(size);
    }
  } catch (error) {
    onWrong(frame, frame.uses, lossOf(error, key), mayReadBetter(error));
  }
  onProgress();
}

async function writeHere({ uses }: Frame, stored: Uint8Array, context: FetchContext): Promise<Use[]> {
  try {
    const content = await decodeFrame(stored);
    const wrong = await deliver(uses, content, context);
    release(content);
    return wrong;
  } finally {
    release(stored);
  }
}
