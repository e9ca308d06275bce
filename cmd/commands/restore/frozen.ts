/** What `restore` does about objects in archive tiers: it says what is frozen, or thaws it and waits. */
import { setTimeout } from "node:timers/promises";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { builtInPrices } from "../../../core/cost/prices.ts";
import type { BundleRef, Manifest } from "../../../core/format/manifest.ts";
import type { ThawSpeed } from "../../../core/format/storage-class.ts";
import type { Patterns } from "../../../restore/select.ts";
import { bundlesFrozen } from "../../../restore/thaw/bundles.ts";
import { FrozenGets } from "../../../restore/thaw/gets.ts";
import type { FrozenSum } from "../../../restore/thaw/needed.ts";
import { type ThawFigures, thaw } from "../../../restore/thaw/thaw.ts";
import type { CommandIO } from "../../io.ts";
import { quoteOf } from "./quote.ts";

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
  return { bucket: gets.bucket, tell: async () => tell(await gets.sums(io.signal), io) };
}

function tell(sums: readonly FrozenSum[], io: CommandIO): void {
  if (sums.length > 0) io.notify({ level: "info", code: "frozen", message: quoteOf(sums, builtInPrices()) });
}

/** Thaws what the restore needs, and waits for it. `begun` is called when it was asked for. */
export async function thawFirst(
  { bucket, manifest, paths, patterns, io }: FrozenDeps,
  { speed, dumps, begun }: { readonly speed: ThawSpeed; readonly dumps: boolean; readonly begun: () => Promise<void> },
): Promise<ThawFigures> {
  const { notify, now, signal, progress } = io;
  let files = 0;
  let doneBytes = 0;
  try {
    return await thaw({
      bucket,
      wanted: { manifest, paths, patterns, dumps },
      speed,
      notify,
      now,
      signal,
      sleep: async (milliseconds) => {
        await setTimeout(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
      },
      onFrozen: async (sums) => {
        notify({ level: "info", code: "frozen", message: quoteOf(sums, builtInPrices(), [speed]) });
        await begun();
      },
      onReady: ({ size }) => {
        files += 1;
        doneBytes += size;
        progress.update({ files, doneBytes });
      },
    });
  } finally {
    progress.end();
  }
}
