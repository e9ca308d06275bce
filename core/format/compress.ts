/** Compression of stored objects that are one stream: snapshots, and file contents in layout `objects`. */
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { constants, createGzip, createZstdCompress, gzip, gzipSync, zstdCompressSync } from "node:zlib";

/** `level` is 1 to 19 for zstd, 1 to 9 for gzip, and means nothing for none. */
export type Compression = { readonly kind: "zstd" | "gzip" | "none"; readonly level: number };

/** How much of a content's beginning the test of `pays` wants to see, in bytes. */
export const sampleSize = 64 * 1024;

const worthwhile = 0.9;

/** Whether compressing pays: the sample, a content's first `sampleSize` bytes, shrinks by a tenth or more. */
export function pays(sample: Uint8Array, { kind, level }: Compression): boolean {
  if (kind === "none") return false;
  const compressed = kind === "zstd" ? zstdCompressSync(sample, zstdOptions(level)) : gzipSync(sample, { level });
  return compressed.length <= sample.length * worthwhile;
}

/**
 * The source compressed, in pieces of some 10 KB. The source is read no faster than the result is taken; its errors come
 * out here, and it is ended when the reader stops early.
 */
export async function* compressStream(
  source: AsyncIterable<Uint8Array>,
  { kind, level }: Compression,
): AsyncGenerator<Uint8Array> {
  if (kind === "none") return yield* source;
  const encoder = kind === "zstd" ? createZstdCompress(zstdOptions(level)) : createGzip({ level });
  const fed = pipeline(source, encoder);
  // An error of the source destroys the encoder, whose reader below then throws it.
  fed.catch(() => {});
  try {
    for await (const piece of encoder) yield piece;
  } finally {
    encoder.destroy();
    await fed.catch(() => {});
  }
}

const gzipped = promisify(gzip) as (content: Uint8Array, options: { level: number }) => Promise<Buffer>;

/** Content that is in memory, compressed on another core. */
export function compressBytes(content: Uint8Array<ArrayBuffer>, { kind, level }: Compression): Promise<Uint8Array> {
  if (kind === "none") return Promise.resolve(content);
  return kind === "zstd" ? Bun.zstdCompress(content, { level }) : gzipped(content, { level });
}

function zstdOptions(level: number) {
  return { params: { [constants.ZSTD_c_compressionLevel]: level } };
}
