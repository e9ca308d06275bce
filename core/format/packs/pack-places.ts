/** Where each frame and chunk of a pack lies, by its table of contents, checked against what any pack can be. */

import { longestFrame, maxFrameContent } from "../codecs/frame.ts";
import { altered } from "../error.ts";
import type { PackedChunk, PackedFrame } from "./pack.ts";

export type PlacedFrame = {
  /** First byte and length of the frame in the pack. */
  readonly offset: number;
  readonly length: number;
  /** Bytes of all its chunks, before compression. */
  readonly content: number;
  readonly chunks: readonly PackedChunk[];
};

/**
 * Frames fill the pack up to its table of contents, which takes `contentsBytes`; each holds one chunk at least. Throws a
 * FormatError for any other table, so that a wrong one is refused before the pack is read.
 */
export function placeFrames(frames: readonly PackedFrame[], contentsBytes: number, packBytes: number): PlacedFrame[] {
  let offset = 0;
  const placed = frames.map(({ length, chunks }): PlacedFrame => {
    const content = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length === 0 || chunks.some((chunk) => chunk.length === 0) || content === 0) {
      throw altered("a pack's table of contents has an empty frame or chunk");
    }
    if (content > maxFrameContent || length > longestFrame) {
      throw altered(`a frame of ${Math.max(content, length)} bytes is more than any pack has`);
    }
    const frame = { offset, length, content, chunks };
    offset += length;
    return frame;
  });
  if (offset + contentsBytes !== packBytes) throw altered("a pack's table of contents does not fit its size");
  return placed;
}
