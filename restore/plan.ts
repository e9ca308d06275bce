/** Plans which bytes of which objects a part's files need, in the order in which they are best fetched. */
import { isPack } from "../core/format/encoding.ts";
import type { Extent, FileEntry, ObjectRef } from "../core/format/entry.ts";
import type { Job } from "./files.ts";

/** An extent that a file needs. `position`: its first byte in the file, holes not counted. */
export type Use = { readonly job: Job; readonly extent: Extent; readonly position: number };

/** A frame of a pack, or a whole object that is no pack, with the extents that are needed of it. */
export type Frame = { readonly offset: number; readonly length: number; readonly uses: readonly Use[] };

/** Frames in order of offset. */
export type ObjectPlan = { readonly object: ObjectRef; readonly frames: readonly Frame[] };

/**
 * Bytes of content that are held in memory until all of it is verified. What is needed of a larger object that is no pack is
 * written as it comes, and its files stay open meanwhile.
 */
export const mostHeld = 4 * 1024 * 1024;

/** Files that may be open at a time. */
const mostOpen = 256;

/**
 * Splits jobs into groups to be finished one after another, so that the files that are open for long, since their content
 * comes from several frames, are never too many. Chunks that two groups share are fetched twice.
 */
export function* groupsOf(jobs: Iterable<Job>, objects: readonly ObjectRef[]): Generator<Job[]> {
  let group: Job[] = [];
  let open = 0;
  for (const job of jobs) {
    group.push(job);
    if (staysOpen(job.entry, objects)) open += 1;
    if (open < mostOpen) continue;
    yield group;
    group = [];
    open = 0;
  }
  if (group.length > 0) yield group;
}

function staysOpen({ extents, size }: FileEntry, objects: readonly ObjectRef[]): boolean {
  const [first] = extents;
  if (first === undefined) return false;
  const encoding = objects[first.object]?.encoding;
  if (encoding !== undefined && !isPack(encoding) && size > mostHeld) return true;
  return extents.some((extent) => extent.object !== first.object || extent.frameOffset !== first.frameOffset);
}

/** Uses of a frame are in the order of `jobs`, so that a file which needs nothing else is written in one go. */
export function planOf(jobs: Iterable<Job>, objects: readonly ObjectRef[]): ObjectPlan[] {
  const frames = new Map<number, Map<number, { offset: number; length: number; uses: Use[] }>>();
  for (const job of jobs) {
    let position = 0;
    for (const extent of job.entry.extents) {
      const framesOfObject = frames.get(extent.object) ?? new Map();
      frames.set(extent.object, framesOfObject);
      const offset = extent.frameOffset;
      const frame = framesOfObject.get(offset) ?? { offset, length: extent.frameLength, uses: [] };
      framesOfObject.set(offset, frame);
      frame.uses.push({ job, extent, position });
      position += extent.length;
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

/** Fetching what lies between costs less than one more request. */
const widestGap = 512 * 1024;
/** Small enough that several are under way side by side. */
const longestRead = 8 * 1024 * 1024;

/**
 * Joins frames into reads; those that overlap, which only a forged manifest has, are read apart. `inRanges`: whether each read
 * costs only its own bytes; else one takes all frames of the object.
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
