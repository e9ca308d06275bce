/** Backups made by hand that have bundles: tables of contents, and nothing behind them. */
import type { BundleRef, PartRef } from "../../../core/format/manifest/manifest.ts";
import { fromText } from "../../../core/format/path.ts";
import type { Backup, Fixture, Item } from "../support.ts";

function bundleOf(path: string, table: readonly PartRef[], encoding: BundleRef["encoding"] = "zstd"): BundleRef {
  return {
    ...{ section: "s", path: fromText(path), depth: 0, key: `bundles/host${path}.tar.zst`, version: "v", size: 1 },
    ...{ encoding, storage_class: "STANDARD", fingerprint: "0".repeat(64), files: 1, table },
  };
}

/** `bundles`: by their folder. */
export type Tree = { readonly files: readonly Item[]; readonly bundles: Readonly<Record<string, readonly Item[]>> };

export async function backupOf(
  fixture: Fixture,
  { files, bundles }: Tree,
  start: Date,
  perPart = 1000,
): Promise<Backup> {
  const made: BundleRef[] = [];
  for (const [path, items] of Object.entries(bundles)) {
    const { manifest } = await fixture.backup(items, { start, perPart, name: "table" });
    if (items.length > 0) made.push(bundleOf(path, manifest.parts));
  }
  const backup = await fixture.backup(files, { start, perPart });
  return { ...backup, manifest: { ...backup.manifest, bundles: made } };
}
