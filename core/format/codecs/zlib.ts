/** Streams through the compressors of node:zlib, in bounded memory whatever the bytes claim. */
import type { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from "node:zlib";
import { undecodable } from "../error.ts";

/** In pieces. */
export type ByteStream = AsyncIterable<Uint8Array>;

export const zstdOptions = (level: number) => ({ params: { [constants.ZSTD_c_compressionLevel]: level } });

export function zstd(content: ByteStream, level: number): ByteStream {
  return through(content, createZstdCompress(zstdOptions(level)), (error) => error);
}

export function gzip(content: ByteStream, level: number): ByteStream {
  return through(content, createGzip({ level }), (error) => error);
}

/** Decompresses. Corrupt content is a FormatError; content that is cut short may just end: callers compare it with a digest. */
export function unzstd(stored: ByteStream): ByteStream {
  return through(stored, createZstdDecompress(), undecodable);
}

/** Decompresses as `unzstd` does. */
export function gunzip(stored: ByteStream): ByteStream {
  return through(stored, createGunzip(), undecodable);
}

/**
 * Yields what `transform` makes of the source, in pieces of some 10 KB. The source is read no faster than the result is taken.
 * Its errors come out as they are, those of `transform` as `explain` has them; a reader that leaves early ends the source.
 */
async function* through(
  source: ByteStream,
  transform: Transform,
  explain: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  let cause: { readonly error: unknown } | undefined;
  const fed = pipeline(
    remembering(source, (error) => (cause = { error })),
    transform,
  );
  // An error of the source destroys the transform, whose reader below then throws it.
  fed.catch(() => {});
  try {
    for await (const piece of transform) yield piece;
  } catch (error) {
    throw cause === undefined ? explain(error) : cause.error;
  } finally {
    transform.destroy();
    await fed.catch(() => {});
  }
}

async function* remembering(source: ByteStream, remember: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (error) {
    remember(error);
    throw error;
  }
}
