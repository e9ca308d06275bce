/** Checks that what a compressor gave has the end of its format: a program may end well, with all of its input taken, and give less. */
import { Failure } from "../../failure.ts";
import { endSize, isCompressedEnd } from "../../format/codecs/compressed-end.ts";
import type { ByteStream } from "../../format/codecs/zlib.ts";

/** Passes on what `program` makes of content. Throws a Failure at its end, before it counts as stored, if it is cut short. */
export async function* wholeOutput(
  program: keyof typeof isCompressedEnd,
  output: ByteStream,
): AsyncGenerator<Uint8Array> {
  let end: Uint8Array = Buffer.alloc(0);
  for await (const piece of output) {
    end = Buffer.concat([end, piece.subarray(-endSize)]).subarray(-endSize);
    yield piece;
  }
  if (!isCompressedEnd[program](end))
    throw new Failure({ doing: "run", what: program, why: "it ended well, and what it gave is cut short" });
}
