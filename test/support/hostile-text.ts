/** Texts that compress to very little: roots and index objects as a hostile writer makes them. */
import { once } from "node:events";
import { constants, createZstdCompress } from "node:zlib";

type Repeated = { readonly text: string; readonly times: number };

/**
 * Returns one zstd frame, as the program writes it, with these texts one after another, each so many times. Made piece by piece, so
 * that the test itself takes little memory.
 */
export async function compressed(texts: readonly Repeated[]): Promise<Uint8Array> {
  const size = texts.reduce((sum, { text, times }) => sum + Buffer.byteLength(text) * times, 0);
  const stream = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: 3 },
    pledgedSrcSize: size,
  });
  const result: Buffer[] = [];
  stream.on("data", (piece: Buffer) => result.push(piece));
  for (const piece of pieces(texts)) if (!stream.write(piece)) await once(stream, "drain");
  stream.end();
  await once(stream, "end");
  const frames = Buffer.concat(result);
  // Sometimes an empty frame is added, which our readers refuse.
  return frames.subarray(-emptyFrame.length).equals(emptyFrame) ? frames.subarray(0, -emptyFrame.length) : frames;
}

const emptyFrame = Buffer.from("28b52ffd2000010000", "hex");

/** Adds the right footer. */
export function footed(texts: readonly Repeated[]): readonly Repeated[] {
  const hash = new Bun.CryptoHasher("sha256");
  for (const piece of pieces(texts)) hash.update(piece);
  return [...texts, { text: `${JSON.stringify({ footer: { digest: hash.digest("hex") } })}\n`, times: 1 }];
}

function* pieces(texts: readonly Repeated[]): Generator<Buffer> {
  for (const { text, times } of texts) {
    const each = Math.max(1, Math.floor((1024 * 1024) / text.length));
    const block = Buffer.from(text.repeat(Math.min(each, times)));
    let left = times;
    for (; left > each; left -= each) yield block;
    yield Buffer.from(text.repeat(left));
  }
}
