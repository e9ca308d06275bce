/**
 * Finds entries that two parts have in the same words, by comparing lines: most entries of two backups, which then need not be decoded.
 * Digests of content are in the line, and only where it lies is in the table of objects.
 */
import { linesIn, type Text } from "../../core/format/lines/lines.ts";
import type { ByteString } from "../../core/format/path.ts";

/** Texts of more bytes are not compared: their lines would be in memory. */
const mostBytes = 8 * 1024 * 1024;

/** A path that is written as it is, without escapes, and is UTF-8. */
const plainPath = /^\{"typ":"[a-z]","path":"([^"\\]+)"(?!,"path_b64")/;

/** Returns the paths of lines that are in both texts. */
export function equalPaths(one: Text, other: Text): ReadonlySet<ByteString> {
  const paths = new Set<ByteString>();
  if (one.length > mostBytes || other.length > mostBytes) return paths;
  const lines = new Set(linesOf(one));
  for (const line of linesOf(other)) {
    const path = lines.has(line) ? plainPath.exec(line)?.[1] : undefined;
    if (path !== undefined) paths.add(path as ByteString);
  }
  return paths;
}

/** Yields lines with a character for each byte. */
function* linesOf(text: Text): Generator<string> {
  for (const line of linesIn(text)) {
    const bytes = line.read(0, line.length);
    yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  }
}
