/** Plans which bytes of which objects the files of a part need, in the best order for fetching. */
import { isPack } from "../../core/format/codecs/encoding.ts";
import type { Extent, ObjectRef, Stretch } from "../../core/format/entries/entry.ts";
import { descriptorShare } from "../../core/system/threads/limits.ts";
import type { Job } from "../entries/job.ts";

/** An extent that a file needs. `position`: its first byte in the file, holes not counted. */
export type Use = { readonly job: Job; readonly extent: Extent; readonly position: number };

/** A frame of a pack, or a whole object that is no pack, with the extents that files need of it. */
export type Frame = { readonly offset: number; readonly length: number; readonly uses: readonly Use[] };

/** Needed frames of an object, in order of offset. */
export type ObjectPlan = { readonly object: ObjectRef; readonly frames: readonly Frame[] };

/**
 * Bound on the content of an object that is held in memory until it is verified. Content of larger objects that are no
 * packs is written as it comes, and its files stay open meanwhile.
 */
export const mostHeld = 4 * 1024 * 1024;

/** Bound on open files. There are two groups at a time: while the last reads of one are under way, the next part begins. */
const mostOpen = descriptorShare(128);

/**
 * Splits jobs into groups that are finished one after another. So the files whose content comes from several frames, which
 * stay open for long, are never too many. Chunks that two groups share are fetched twice.
 */
export function* groupsOf(jobs: Iterable<Job>, objects: readonly ObjectRef[]): Generator<Job[]> {
  let group: Job[] = [];
  let open = 0;
  for (const job of jobs) {
    group.push(job);
    if (staysOpen(job.content, objects)) open += 1;
    if (open < mostOpen) continue;
    yield group;
    group = [];
    open = 0;
  }
  if (group.length > 0) yield group;
}

function staysOpen({ extents, size }: Stretch, objects: readonly ObjectRef[]): boolean {
  const [first] = extents;
  if (first === undefined) return false;
  const encoding = objects[first.object]?.encoding;
  if (encoding !== undefined && !isPack(encoding) && size > mostHeld) return true;
  return extents.some((extent) => extent.object !== first.object || extent.frameOffset !== first.frameOffset);
}

/** Plans the fetch of all jobs. Uses of a frame are in the order of `jobs`, so a file of one frame is written at once. */
export function planOf(jobs: Iterable<Job>, objects: readonly ObjectRef[]): ObjectPlan[] {
  const frames = new Map<number, Map<number, { offset: number; length: number; uses: Use[] }>>();
  for (const job of jobs) {
    let position = 0;
    for (const [index, extent] of job.content.extents.entries()) {
      const start = position;
      position += extent.length;
      if (job.done.has(index)) continue;
      const framesOfObject = frames.get(extent.object) ?? new Map();
      frames.set(extent.object, framesOfObject);
      const offset = extent.frameOffset;
      const frame = framesOfObject.get(offset) ?? { offset, length: extent.frameLength, uses: [] };
      framesOfObject.set(offset, frame);
      frame.uses.push({ job, extent, position: start });
    }
  }
  return [...frames].flatMap(([number, framesOfObject]) => {
    const object = objects[number];
    if (object === undefined) return [];
    return { object, frames: [...framesOfObject.values()].sort((a, b) => a.offset - b.offset) };
  });
}

/** One ranged request for frames that lie near each other. */
export type Read = { readonly start: number; readonly length: number; readonly frames: readonly Frame[] };

/** Gap between two frames up to which one request is cheaper than two. */
const widestGap = 512 * 1024;
/** Bound on the bytes of one request, so that several run side by side. */
const longestRead = 8 * 1024 * 1024;

/**
 * Joins frames into reads. Overlapping frames, which only a forged manifest has, are read one by one. `inRanges`: a read
 * costs only its own bytes; else one read takes all frames of the object.
 */
export function readsOf(frames: readonly Frame[], inRanges: boolean): Read[] {
  const [gapLimit, lengthLimit] = inRanges
    ? [widestGap, longestRead]
    : [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const reads: { start: number; length: number; frames: Frame[] }[] = [];
  for (const frame of frames) {
    const last = reads.at(-1);
    const gap = last === undefined ? 0 : frame.offset - (last.start + last.length);
    const length = last === undefined ? 0 : frame.offset + frame.length - last.start;
    if (last === undefined || gap < 0 || gap > gapLimit || length > lengthLimit) {
      reads.push({ start: frame.offset, length: frame.length, frames: [frame] });
    } else {
      last.length = length;
      last.frames.push(frame);
    }
  }
  return reads;
}
