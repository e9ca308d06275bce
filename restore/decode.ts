/** Undoing the encodings of stored objects, in bounded memory whatever the bytes claim. */
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip, createZstdDecompress, zstdDecompress } from "node:zlib";
import type { Encoding } from "../core/format/entry.ts";
import { altered } from "../core/format/error.ts";
import { checkFrame, frameContentSize, maxFrameContent } from "../core/format/frame.ts";

const decompress = promisify(zstdDecompress);
/** zlib refuses to work with less. */
const smallestChunk = 64;

/**
 * The content of one zstd frame, decompressed on another thread. Refused (FormatError) when it is not one whole frame,
 * is corrupt, or holds more than `most` bytes.
 */
export async function decodeFrame(frame: Uint8Array, most: number = maxFrameContent): Promise<Uint8Array> {
  checkFrame(frame, most);
  const size = frameContentSize(frame);
  try {
    // One piece of the right size, since joining pieces takes longer than decompressing them.
    return await decompress(frame, { chunkSize: Math.max(size, smallestChunk), maxOutputLength: Math.max(size, 1) });
  } catch (error) {
    throw undecodable(error);
  }
}

/**
 * The content of a whole object, in pieces. Corrupt content is a FormatError, content that is cut short may just end:
 * callers compare it with the digest that the manifest has. Errors of `source` pass through, and leaving the loop ends it.
 */
export async function* decodeStream(
  source: AsyncIterable<Uint8Array>,
  encoding: Exclude<Encoding, "frames">,
): AsyncGenerator<Uint8Array> {
  if (encoding === "none") return yield* source;
  const decoder = encoding === "zstd" ? createZstdDecompress() : createGunzip();
  let cause: { readonly error: unknown } | undefined;
  const fed = pipeline(
    remembering(source, (error) => (cause = { error })),
    decoder,
  );
  // An error of the source destroys the decoder, whose reader below then throws it.
  fed.catch(() => {});
  try {
    for await (const piece of decoder) yield piece;
  } catch (error) {
    throw cause === undefined ? undecodable(error) : cause.error;
  } finally {
    decoder.destroy();
    await fed.catch(() => {});
  }
}

async function* remembering(source: AsyncIterable<Uint8Array>, remember: (error: unknown) => void) {
  try {
    yield* source;
  } catch (error) {
    remember(error);
    throw error;
  }
}

function undecodable(error: unknown): unknown {
  return error instanceof Error && "code" in error ? altered("it cannot be decompressed") : error;
}
