/** What S3 says of archive tiers, as AWS documents HEAD and RestoreObject: no emulator has those of INTELLIGENT_TIERING. */
import { describe, expect, test } from "bun:test";
import { archivedByHead } from "../../../../core/bucket/s3/archived.ts";
import { thawRequest } from "../../../../core/bucket/s3/thaw.ts";

const done = 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"';
const ongoing = 'ongoing-request="true"';

type Head = Parameters<typeof archivedByHead>[0];
const frozen = (tier: string, thawing = false) => ({ archived: { tier, thawing } });

const heads: readonly (readonly [name: string, head: Head, field: object])[] = [
  ["a class of Glacier", { StorageClass: "GLACIER" }, frozen("GLACIER")],
  ["one that is being thawed", { StorageClass: "DEEP_ARCHIVE", Restore: ongoing }, frozen("DEEP_ARCHIVE", true)],
  ["one with a thawed copy", { StorageClass: "GLACIER", Restore: done }, { isThawed: true }],
  ["one whose thawing is garbage", { StorageClass: "GLACIER", Restore: "yes, tomorrow" }, frozen("GLACIER")],
  ["one whose thawing is empty", { StorageClass: "GLACIER", Restore: "" }, frozen("GLACIER")],
  ["instant retrieval", { StorageClass: "GLACIER_IR" }, {}],
  ["intelligent tiering that can be read", { StorageClass: "INTELLIGENT_TIERING" }, {}],
  [
    "an archive tier of intelligent tiering",
    { StorageClass: "INTELLIGENT_TIERING", ArchiveStatus: "ARCHIVE_ACCESS" },
    frozen("ARCHIVE_ACCESS"),
  ],
  [
    "its deep one, being thawed",
    { StorageClass: "INTELLIGENT_TIERING", ArchiveStatus: "DEEP_ARCHIVE_ACCESS", Restore: ongoing },
    frozen("DEEP_ARCHIVE_ACCESS", true),
  ],
  [
    "one of its that was thawed and moved",
    { StorageClass: "INTELLIGENT_TIERING", Restore: 'ongoing-request="false"' },
    {},
  ],
  [
    "one of its that was thawed once, and is archived again",
    { StorageClass: "INTELLIGENT_TIERING", ArchiveStatus: "ARCHIVE_ACCESS", Restore: 'ongoing-request="false"' },
    frozen("ARCHIVE_ACCESS"),
  ],
];

describe("archive tiers", () => {
  test.each(heads)("a HEAD of %s is read as AWS documents it", (_name, head, field) => {
    expect<object>(archivedByHead(head)).toEqual(field);
  });

  test("days are asked for only where S3 makes a copy", () => {
    const wish = { speed: "bulk", days: 7 } as const;
    for (const tier of ["GLACIER", "DEEP_ARCHIVE"] as const)
      expect(thawRequest({ ...wish, tier })).toEqual({ Days: 7, GlacierJobParameters: { Tier: "Bulk" } });
    for (const tier of ["ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"] as const)
      expect(thawRequest({ ...wish, tier })).toEqual({ GlacierJobParameters: { Tier: "Bulk" } });
  });
});
