/** Which objects lie in an archive tier: they are there, and a GET of them is refused. */
import type { HeadObjectCommandOutput, ObjectVersion } from "@aws-sdk/client-s3";
import { type ArchiveTier, archiveTiers } from "../../format/storage-class.ts";
import type { Archived } from "../contract.ts";

type ArchivedField = { readonly archived?: Archived };
type ThawedField = { readonly isThawed?: boolean };

/**
 * Reads an object's fields. A class keeps its name while there is a thawed copy, which can be read until it expires. INTELLIGENT_TIERING
 * makes no copy: what is thawed moves to a tier that can be read, and has no archive status any more. So while there is one, it counts, and
 * no word of an earlier thawing does.
 */
export function archivedByHead({
  StorageClass,
  ArchiveStatus,
  Restore = "",
}: Pick<HeadObjectCommandOutput, "StorageClass" | "ArchiveStatus" | "Restore">): ArchivedField & ThawedField {
  const thawing = Restore.includes('ongoing-request="true"');
  const moved = tierNamed(ArchiveStatus);
  if (moved !== undefined) return { archived: { tier: moved, thawing } };
  const tier = tierNamed(StorageClass);
  if (tier === undefined) return {};
  if (Restore.includes('ongoing-request="false"')) return { isThawed: true };
  return { archived: { tier, thawing } };
}

/** Reads the fields of a listed version. Does not see the archive tiers of INTELLIGENT_TIERING. */
export function archivedByList({
  StorageClass,
  RestoreStatus,
}: Pick<ObjectVersion, "StorageClass" | "RestoreStatus">): ArchivedField {
  const tier = tierNamed(StorageClass);
  const isThawed = RestoreStatus?.IsRestoreInProgress === false || RestoreStatus?.RestoreExpiryDate !== undefined;
  if (tier === undefined || isThawed) return {};
  return { archived: { tier, thawing: RestoreStatus?.IsRestoreInProgress === true } };
}

function tierNamed(name: string | undefined): ArchiveTier | undefined {
  return archiveTiers.find((tier) => tier === name);
}
