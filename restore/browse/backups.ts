/** Reads the backups of one name, or of all, for answers that need each of them. */
import type { BucketReader } from "../../core/bucket/contract.ts";
import { throwIfFatal } from "../../core/bucket/fatal.ts";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import { byStored } from "../../core/manifest/dates.ts";
import { readOriginal } from "../../core/manifest/original.ts";
import { ManifestRefused } from "../../core/manifest/refused.ts";
import { type ListedRoot, listRoots } from "../../core/manifest/roots.ts";
import { BackupSealed, openSealed } from "../../core/manifest/sealed.ts";
import type { TrustCheck } from "../../core/manifest/trust.ts";
import { inOrder } from "../../core/side-by-side.ts";
import type { Gaps } from "./gaps.ts";

export type BackupsBucket = Pick<BucketReader, "get" | "listVersions">;

/** A backup, by the time that its key states. */
export type BackupRef = Pick<ListedRoot, "key" | "name" | "stamp" | "run">;

/** Lists the roots of a name, or of all, the one that the server stored first at the start. */
export async function rootsByAge(bucket: BackupsBucket, name: string | undefined): Promise<ListedRoot[]> {
  const roots: ListedRoot[] = [];
  for await (const root of listRoots(bucket, name)) roots.push(root);
  return roots.sort(byStored);
}

export type EachBackup = {
  readonly bucket: BackupsBucket;
  readonly roots: Iterable<ListedRoot>;
  readonly gaps: Gaps;
  /** Roots that are read at a time. */
  readonly atOnce: number;
  /** What it does not accept cannot be used. */
  readonly trust?: TrustCheck | undefined;
};

/**
 * Reads roots in order, several at a time. Only what `take` returns of each is kept in memory. Yields undefined in place of one that
 * cannot be used, and adds it to `gaps`.
 */
export function eachBackup<Taken>(
  { bucket, roots, gaps, atOnce, trust }: EachBackup,
  take: (manifest: Manifest, root: ListedRoot) => Taken,
): AsyncGenerator<Taken | undefined> {
  return inOrder(roots, atOnce, async (root) => {
    try {
      const manifest = await openSealed(bucket, (await readOriginal(bucket, root, { trust })).manifest);
      return take(manifest, root);
    } catch (error) {
      if (error instanceof ManifestRefused) gaps.lostBackup(error.message, error.kind === "damaged");
      // For another identity, as before a change of recipients, or of another machine.
      else if (error instanceof BackupSealed) gaps.sealedBackup(error.message);
      else gaps.lostBackup(throwIfFatal(error).message, false);
      return undefined;
    }
  });
}

/** Returns the backup as a user names it: `web1@20261121T020003Z-9f86d081`. */
export function backupName({ name, stamp, run }: Pick<ListedRoot, "name" | "stamp" | "run">): string {
  return `${name}@${stamp}-${run}`;
}
