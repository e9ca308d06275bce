/** Chooses which objects are read: all, one of several slices that take turns, or some at random. */

import { exitStatus, Failure } from "../../core/failure.ts";
import { day } from "../../core/format/day.ts";

export type Share =
  | { readonly kind: "all" }
  /** What nobody has read yet. */
  | { readonly kind: "new" }
  /** `slice` of `slices`, counted from 1. */
  | { readonly kind: "slice"; readonly slice: number; readonly slices: number }
  /** Share from 0 to 1. */
  | { readonly kind: "random"; readonly share: number };

const mostSlices = 10_000;

/**
 * Parses `n/t`, `p%`, `new`, or nothing for all. `/t` is today's slice, by the days since 1970 (UTC): t daily runs read everything.
 * Throws a Failure for anything else.
 */
export function parseShare(written: string | undefined, now: Date): Share {
  if (written === undefined) return { kind: "all" };
  if (written === "new") return { kind: "new" };
  const [, slice = "", slices] = /^(\d*)\/(\d+)$/.exec(written) ?? [];
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(written) ?? [];
  if (slices !== undefined) {
    const total = Number(slices);
    const chosen = slice === "" && total > 0 ? (Math.floor(now.getTime() / day) % total) + 1 : Number(slice);
    if (total >= 1 && total <= mostSlices && chosen >= 1 && chosen <= total)
      return { kind: "slice", slice: chosen, slices: total };
  }
  if (percent !== undefined && Number(percent) > 0 && Number(percent) <= 100)
    return { kind: "random", share: Number(percent) / 100 };
  throw new Failure({
    doing: "use --read-data",
    what: written,
    why: "it is neither a slice, a share nor new",
    remedy:
      "write 2/7 for the second of seven slices, /7 for today's, 5% for some at random, new for what nobody has read, or nothing for all",
    exit: exitStatus.usage,
  });
}

/**
 * Returns whether the object of a key belongs to the share, the same for all its versions; of new, every one may. `seed`: 32 bits, for
 * random shares.
 */
export function chooser(share: Share, seed: number): (key: string) => boolean {
  if (share.kind === "all" || share.kind === "new") return () => true;
  if (share.kind === "slice") return (key) => Bun.hash.xxHash32(key) % share.slices === share.slice - 1;
  return (key) => Bun.hash.xxHash32(key, seed) < share.share * 2 ** 32;
}

export function shareText(share: Share): string {
  if (share.kind === "all") return "all";
  if (share.kind === "new") return "what nobody has read yet";
  return share.kind === "slice" ? `${share.slice}/${share.slices}` : `${share.share * 100}%`;
}
