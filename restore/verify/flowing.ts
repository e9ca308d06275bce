/** Checks pieces of content against a stream that is too large to hold. */
import { FormatError } from "../../core/format/error.ts";
import type { Piece } from "./extents.ts";

type Open = { readonly piece: Piece; readonly end: number; readonly hash: Bun.CryptoHasher };

/** `pieces` in order of place, which may overlap. Returns those that the content does not have as they should be. */
export async function checkFlowing(pieces: readonly Piece[], content: AsyncIterable<Uint8Array>): Promise<Piece[]> {
  const waiting = pieces.toReversed();
  const wrong: Piece[] = [];
  let open: Open[] = [];
  let position = 0;
  try {
    for await (const bytes of content) {
      const end = position + bytes.length;
      for (let next = waiting.at(-1); next !== undefined && next.at < end; next = waiting.at(-1)) {
        waiting.pop();
        open.push({ piece: next, end: next.at + next.length, hash: new Bun.CryptoHasher("sha256") });
      }
      for (const { piece, end: last, hash } of open)
        hash.update(bytes.subarray(Math.max(0, piece.at - position), Math.min(bytes.length, last - position)));
      const done = open.filter((one) => one.end <= end);
      for (const { piece, hash } of done) if (hash.digest("hex") !== piece.sha256) wrong.push(piece);
      open = open.filter((one) => one.end > end);
      position = end;
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
  return [...wrong, ...open.map(({ piece }) => piece), ...waiting];
}
