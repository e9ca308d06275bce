/** Undoing the encodings of stored objects, in bounded memory whatever the bytes claim. */
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { Encoding } from "../format/entry.ts";
import { altered, type FormatError } from "../format/error.ts";
import { checkFrame, maxFrameContent } from "../format/frame.ts";

export type WholeEncoding = Exclude<Encoding, "frames">;

/**
 * The content of one zstd frame, decompressed on another thread. Refused (FormatError) when it is not one whole frame,
 * is corrupt, or holds more than `most` bytes. `release` it when it is used up.
 */
export async function decodeFrame(frame: Uint8Array, most: number = maxFrameContent): Promise<Uint8Array> {
  // Afterwards the decompressor can be trusted not to make more of it than the frame says.
  checkFrame(frame, most);
  try {
    return await Bun.zstdDecompress(new Uint8Array(frame.buffer as ArrayBuffer, frame.byteOffset, frame.byteLength));
  } catch {
    throw undecodable();
  }
}

/**
 * The content of a small whole object at once, which is several times faster than in pieces. Undefined where it is more
 * than `most` bytes, corrupt, or cut short: `decodeStream` finds out which.
 */
export function decodeSmall(stored: Uint8Array, encoding: WholeEncoding, most: number): Uint8Array | undefined {
  const options = { maxOutputLength: Math.max(most, 1) };
  try {
    if (encoding === "none") return stored;
    return encoding === "zstd" ? zstdDecompressSync(stored, options) : gunzipSync(stored, options);
  } catch {
    return undefined;
  }
}

/**
 * The content of a whole object, in pieces. Corrupt content is a FormatError, content that is cut short may just end:
 * callers compare it with the digest that the manifest has. Errors of `source` pass through, and leaving the loop ends it.
 */
export async function* decodeStream(
  source: AsyncIterable<Uint8Array>,
  encoding: WholeEncoding,
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
  } catch {
    throw cause === undefined ? undecodable() : cause.error;
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

function undecodable(): FormatError {
  return altered("it cannot be decompressed");
}
