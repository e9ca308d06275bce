/** Cuts the needed frames out of a ranged read, as its bytes come. */

import { longestFrame } from "../../core/format/codecs/frame.ts";
import { altered } from "../../core/format/error.ts";
import type { Budget } from "../../core/side-by-side.ts";
import { Pieces } from "../../core/stored/pieces.ts";
import { releasing } from "./flowing.ts";
import type { Frame, Read } from "./plan.ts";

/** `release` the stored bytes when they are used up, and give back what they took of the room. */
export type StoredFrame = { readonly frame: Frame; readonly stored: Uint8Array<ArrayBuffer> };

/**
 * Yields the frames in order. `stream`: exactly the bytes of the read, in pieces that are in no other use. Throws if it ends too early
 * for the next frame. `room`: bounds the stored bytes; a frame is taken out of the stream only when there is some for it.
 */
export async function* framesIn(
  read: Read,
  stream: AsyncIterable<Uint8Array>,
  room?: Budget,
): AsyncGenerator<StoredFrame> {
  const pieces = new Pieces(read.start, releasing(stream));
  try {
    for (const frame of read.frames) {
      if (frame.length > longestFrame) throw altered(`a frame of ${frame.length} bytes is more than any pack has`);
      await room?.take(frame.length);
      yield { frame, stored: await taken(pieces, frame, room) };
    }
  } finally {
    await pieces.end();
  }
}

async function taken(pieces: Pieces, { offset, length }: Frame, room: Budget | undefined) {
  try {
    return await pieces.take(offset, length);
  } catch (error) {
    room?.give(length);
    throw error;
  }
}
