/** Which objects lie in an archive tier: they are there, and a GET of them is refused. */
import type { HeadObjectCommandOutput, ObjectVersion } from "@aws-sdk/client-s3";

const archives = new Set<string | undefined>(["GLACIER", "DEEP_ARCHIVE"]);
const archived = { archived: true } as const;

/** For an object's fields. A restored copy can be read until it expires. */
export function archivedByHead({ StorageClass, ArchiveStatus, Restore = "" }: HeadObjectCommandOutput) {
  const isArchived = ArchiveStatus !== undefined || archives.has(StorageClass);
  return isArchived && !Restore.includes('ongoing-request="false"') ? archived : {};
}

/** For the fields of a listed version. Does not see the archive tiers of Intelligent-Tiering. */
export function archivedByList({ StorageClass, RestoreStatus }: Pick<ObjectVersion, "StorageClass" | "RestoreStatus">) {
  const isRestored = RestoreStatus?.IsRestoreInProgress === false || RestoreStatus?.RestoreExpiryDate !== undefined;
  return archives.has(StorageClass) && !isRestored ? archived : {};
}
