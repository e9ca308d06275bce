/**
 * A verified object lists packs and contents that somebody has read, and the chunks that were found in them by hashing. Its
 * lines are those of an index object; but nothing in it comes from an index, and every host may believe it.
 */
import { z } from "zod";
import type { ByteStream } from "../codecs/zlib.ts";
import { altered } from "../error.ts";
import { checkFormat } from "../lines/envelope.ts";
import { parseAs, runHex } from "../lines/lines.ts";
import { decodeIndexed, encodeIndexed, type IndexLine } from "./index-object.ts";

const verifiedFormat = { format: "sysbackup-verified", version: 1 } as const;

const header = z.object({ run: runHex });

/** Yields the text, a line at a time. */
export function encodeVerified(run: string, lines: Iterable<IndexLine>): Generator<string> {
  return encodeIndexed({ ...verifiedFormat, run }, lines);
}

/** Yields lines, and throws, as `decodeIndex` does; `run` is what the key says. */
export function decodeVerified(text: ByteStream, run: string): AsyncGenerator<IndexLine> {
  return decodeIndexed(text, (first) => {
    checkFormat(first, verifiedFormat);
    const found = parseAs(header, first, "the first line").run;
    if (found !== run) throw altered(`its first line says that it is run ${found}, and its key does not`);
  });
}
