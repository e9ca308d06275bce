/** Says what of a restore is frozen. */
import type { Bucket } from "../../../core/bucket/contract.ts";
import { builtInPrices } from "../../../core/cost/prices.ts";
import type { BundleRef, Manifest } from "../../../core/format/manifest/manifest.ts";
import type { Patterns } from "../../../restore/choosing/select.ts";
import { bundlesFrozen } from "../../../restore/thaw/bundles.ts";
import { FrozenGets } from "../../../restore/thaw/gets.ts";
import type { FrozenSum, NeededObjects } from "../../../restore/thaw/needed.ts";
import type { CommandIO } from "../../io.ts";
import { quoteOf } from "../../shared/quote.ts";

export type FrozenDeps = {
  readonly bucket: Bucket;
  readonly manifest: Manifest;
  /** As for the restore. */
  readonly paths: readonly string[];
  readonly patterns?: Patterns | undefined;
  readonly io: CommandIO;
};

/** Says what thawing costs of the bundles that are known to be frozen. Returns which they are. */
export async function tellFrozenBundles({
  bucket,
  manifest,
  paths,
  patterns,
  io,
}: FrozenDeps): Promise<(ref: BundleRef) => boolean> {
  const { isFrozen, sums } = await bundlesFrozen({ manifest, paths, patterns }, { bucket, signal: io.signal });
  tell(sums, io);
  return isFrozen;
}

/** A bucket that notes what it cannot give since it is frozen. Call `tell` at the end. */
export function watchFrozen(bucket: Bucket, io: CommandIO) {
  const gets = new FrozenGets(bucket);
  return {
    bucket: gets.bucket,
    tell: async () => tell(await gets.sums(io.signal), io),
    collect: (needed: NeededObjects) => gets.collect(needed, io.signal),
  };
}

function tell(sums: readonly FrozenSum[], io: CommandIO): void {
  if (sums.length > 0) io.notify({ level: "info", code: "frozen", message: quoteOf(sums, builtInPrices()) });
}
