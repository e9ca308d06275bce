/** Which objects lie in an archive tier: they are there, and a GET of them is refused. */
import type { HeadObjectCommandOutput, ObjectVersion } from "@aws-sdk/client-s3";
import { type ArchiveTier, archiveTiers } from "../../format/storage-class.ts";
import type { Archived } from "../contract.ts";

type ArchivedField = { readonly archived?: Archived };

/** For an object's fields. A thawed copy can be read until it expires. */
export function archivedByHead({ StorageClass, ArchiveStatus, Restore = "" }: HeadObjectCommandOutput): ArchivedField {
  const tier = tierNamed(ArchiveStatus) ?? tierNamed(StorageClass);
  if (tier === undefined || Restore.includes('ongoing-request="false"')) return {};
  return { archived: { tier, thawing: Restore.includes('ongoing-request="true"') } };
}

/** For the fields of a listed version. Does not see the archive tiers of INTELLIGENT_TIERING. */
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
