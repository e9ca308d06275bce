/** Pages of S3's listings, in the contract's types. */
import type { ListObjectsV2CommandOutput, ListObjectVersionsCommandOutput } from "@aws-sdk/client-s3";
import type { Listed, ListedVersion } from "../contract.ts";
import { compareKeys } from "../order.ts";

/** Where a listing of versions goes on. */
export type Page = { readonly KeyMarker?: string; readonly VersionIdMarker?: string | undefined };

export function current({ Contents = [], EncodingType }: ListObjectsV2CommandOutput): Listed[] {
  return Contents.map(({ Key, Size = 0 }) => ({ key: decoded(Key, EncodingType), size: Size }));
}

/** Merges versions and delete markers, which S3 lists apart, into one list: newest first within a key. */
export function versions(page: ListObjectVersionsCommandOutput): ListedVersion[] {
  const { Versions = [], DeleteMarkers = [], EncodingType } = page;
  const common = ({ Key, VersionId = "null", IsLatest = false, LastModified }: ListedItem) => ({
    key: decoded(Key, EncodingType),
    version: VersionId,
    latest: IsLatest,
    modified: LastModified?.getTime() ?? 0,
  });
  const all = [
    ...Versions.map((found) => ({ ...common(found), size: found.Size ?? 0, deleteMarker: false })),
    ...DeleteMarkers.map((found) => ({ ...common(found), size: 0, deleteMarker: true })),
  ];
  all.sort((a, b) => compareKeys(a.key, b.key) || Number(b.latest) - Number(a.latest) || b.modified - a.modified);
  return all.map(({ modified: _, ...listed }) => listed);
}

type ListedItem = {
  Key?: string | undefined;
  VersionId?: string | undefined;
  IsLatest?: boolean | undefined;
  LastModified?: Date | undefined;
};

/** The key marker of the next page. Only some services encode the one that they send. */
export const lastKey = (page: readonly ListedVersion[]): string | undefined => page.at(-1)?.key;

/** Decodes a key if the answer says that it is encoded: not every service does so when asked. */
function decoded(key = "", encoding: string | undefined): string {
  return encoding === "url" ? decodeURIComponent(key.replaceAll("+", " ")) : key;
}
