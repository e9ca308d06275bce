/** Finds out which bundles are frozen before a restore begins: the root says in which class each was put. */
import type { BundleRef, Manifest } from "../../core/format/manifest/manifest.ts";
import { isReadable, tableOf } from "../../core/manifest/part-lists.ts";
import { Selection } from "../choosing/select.ts";
import { type CollectNeededDeps, collectNeeded, markFrozen, type ToRestore } from "./collect.ts";
import { type FrozenSum, NeededObjects } from "./needed.ts";

export type FrozenBundles = { readonly isFrozen: (bundle: BundleRef) => boolean; readonly sums: readonly FrozenSum[] };

/** Returns those that have content of `paths`. Looks up all that may have, and were put where nothing can be read at once. */
export async function bundlesFrozen(
  {
    manifest,
    paths,
    patterns,
  }: Pick<ToRestore, "paths" | "patterns"> & {
    readonly manifest: Pick<Manifest, "bundles">;
  },
  deps: CollectNeededDeps,
): Promise<FrozenBundles> {
  const selection = new Selection(paths, () => true, patterns);
  const cold = manifest.bundles.filter((bundle) => isCold(bundle) && isReadable(bundle) && mayHave(selection, bundle));
  const frozen = await frozenAmong(cold, deps);
  using needed = new NeededObjects();
  // Their tables of contents say more exactly what is in them. There may be many, of which each is read on its own.
  await collectNeeded(
    { manifest: { parts: [], snapshots: [], bundles: frozen }, paths, patterns, dumps: false },
    needed,
    deps,
  );
  const wanted = frozen.filter((bundle) => needed.has(bundle));
  await markFrozen(wanted, needed, deps);
  const known = new Set(wanted.map(identityOf));
  return { isFrozen: (bundle) => known.has(identityOf(bundle)), sums: needed.sums() };
}

const isCold = ({ storage_class }: BundleRef): boolean =>
  storage_class === "GLACIER" || storage_class === "DEEP_ARCHIVE";

function mayHave(selection: Selection, bundle: BundleRef): boolean {
  const { parts, end } = tableOf(bundle);
  const [first] = parts;
  return first !== undefined && selection.concerns(first.first, end);
}

async function frozenAmong(bundles: readonly BundleRef[], deps: CollectNeededDeps): Promise<BundleRef[]> {
  using looked = new NeededObjects();
  for (const bundle of bundles) looked.add(bundle);
  await markFrozen(looked.all(), looked, deps);
  const frozen = new Set([...looked.allFrozen()].map(identityOf));
  return bundles.filter((bundle) => frozen.has(identityOf(bundle)));
}

function identityOf({ key, version }: { readonly key: string; readonly version: string }): string {
  return JSON.stringify([key, version]);
}
