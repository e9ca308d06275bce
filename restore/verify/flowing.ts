/** Checks extents against a stream that is too large to hold. */
import { FormatError } from "../../core/format/error.ts";
import type { NeededExtent } from "./extents.ts";

type OpenExtent = { readonly extent: NeededExtent; readonly end: number; readonly hash: Bun.CryptoHasher };

/** `extents` in order of place, which may overlap. Returns those that the content does not have as they should be. */
export async function checkFlowing(
  extents: readonly NeededExtent[],
  content: AsyncIterable<Uint8Array>,
): Promise<NeededExtent[]> {
  const waiting = extents.toReversed();
  const wrong: NeededExtent[] = [];
  let open: OpenExtent[] = [];
  let position = 0;
  try {
    for await (const bytes of content) {
      const end = position + bytes.length;
      for (let next = waiting.at(-1); next !== undefined && next.offset < end; next = waiting.at(-1)) {
        waiting.pop();
        open.push({ extent: next, end: next.offset + next.length, hash: new Bun.CryptoHasher("sha256") });
      }
      for (const { extent, end: last, hash } of open)
        hash.update(bytes.subarray(Math.max(0, extent.offset - position), Math.min(bytes.length, last - position)));
      const done = open.filter((one) => one.end <= end);
      for (const { extent, hash } of done) if (hash.digest("hex") !== extent.sha256) wrong.push(extent);
      open = open.filter((one) => one.end > end);
      position = end;
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
  return [...wrong, ...open.map(({ extent }) => extent), ...waiting];
}
