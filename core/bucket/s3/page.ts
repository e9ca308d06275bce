/** Pages of S3's listings, in the contract's types. */
import type { ListObjectsV2CommandOutput, ListObjectVersionsCommandOutput } from "@aws-sdk/client-s3";
import type { Listed, ListedVersion } from "../contract.ts";
import { compareKeys } from "../order.ts";
import { archivedByList } from "./archived.ts";
import type { S3Page } from "./listing.ts";

/** Where a listing of versions goes on. */
export type VersionMarker = { readonly KeyMarker: string; readonly VersionIdMarker: string | undefined };

/** A page that lacks what each listing of S3 has, or has what cannot be. */
export class NoPage extends Error {}

export function current(page: ListObjectsV2CommandOutput, prefix: string): S3Page<Listed, string> {
  checkPrefix(page, prefix);
  const { Contents = [], EncodingType, NextContinuationToken: next } = page;
  const items = Contents.map(({ Key, Size }) => ({ key: decodedKey(Key, EncodingType), size: sizeOf(Size) }));
  return { items, truncated: isTruncated(page), next: next || undefined };
}

/** Merges versions and delete markers, which S3 lists apart, into one list: newest first within a key. */
export function versions(page: ListObjectVersionsCommandOutput, prefix: string): S3Page<ListedVersion, VersionMarker> {
  checkPrefix(page, prefix);
  const { Versions = [], DeleteMarkers = [], EncodingType } = page;
  const common = ({ Key, VersionId = "null", IsLatest = false, LastModified }: ListedItem) => ({
    key: decodedKey(Key, EncodingType),
    version: VersionId,
    latest: IsLatest,
    stored: dateOf(LastModified),
  });
  const all = [
    ...Versions.map((found) => ({
      ...common(found),
      size: sizeOf(found.Size),
      deleteMarker: false,
      ...archivedByList(found),
    })),
    ...DeleteMarkers.map((found) => ({ ...common(found), size: 0, deleteMarker: true })),
  ];
  all.sort(
    (a, b) =>
      compareKeys(a.key, b.key) || Number(b.latest) - Number(a.latest) || b.stored.getTime() - a.stored.getTime(),
  );
  return { items: all, truncated: isTruncated(page), next: nextOf(page, all.at(-1)?.key) };
}

type ListedItem = {
  Key?: string | undefined;
  VersionId?: string | undefined;
  IsLatest?: boolean | undefined;
  LastModified?: Date | undefined;
};

/** Takes the last key that was listed, if there is one: only some services encode the marker that they send. */
function nextOf(page: ListObjectVersionsCommandOutput, last: string | undefined): VersionMarker | undefined {
  const { NextKeyMarker, NextVersionIdMarker, EncodingType } = page;
  if (!NextKeyMarker) return undefined;
  return {
    KeyMarker: last ?? decodedKey(NextKeyMarker, EncodingType),
    VersionIdMarker: NextVersionIdMarker || undefined,
  };
}

type Prefixed = { readonly Prefix?: string | undefined; readonly EncodingType?: string | undefined };

/** Refuses the answer to another request, such as one that a proxy has kept. */
function checkPrefix({ Prefix, EncodingType }: Prefixed, prefix: string): void {
  if (!Prefix || Prefix === prefix || decodedKey(Prefix, EncodingType) === prefix) return;
  throw new NoPage(`a list of ${JSON.stringify(Prefix.slice(0, 200))}`);
}

function isTruncated({ IsTruncated }: { readonly IsTruncated?: boolean | undefined }): boolean {
  if (IsTruncated === undefined) throw new NoPage("a listing that does not say whether it is whole");
  return IsTruncated;
}

function sizeOf(size = 0): number {
  if (Number.isSafeInteger(size) && size >= 0) return size;
  throw new NoPage(`a listing with the size ${size}`);
}

/** Refuses a version without a date: which backup is the newest rests on it. */
function dateOf(date: Date | undefined): Date {
  if (date !== undefined && !Number.isNaN(date.getTime())) return date;
  throw new NoPage("a listing without the dates of versions");
}

/** Decodes a key if the answer says that it is encoded: not every service does so when asked. */
export function decodedKey(key: string | undefined, encoding: string | undefined): string {
  if (key === undefined || key === "") throw new NoPage("a listing without a key");
  if (encoding !== "url") return key;
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    throw new NoPage(`a listing with the key ${JSON.stringify(key.slice(0, 200))}`);
  }
}
