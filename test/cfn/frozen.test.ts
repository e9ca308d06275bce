/**
 * What no later version of the template may change: CloudFormation would make such a resource again, under a name that is taken, so
 * that every update of a stack fails; a role would get another unique ID, and the bucket policy would refuse it. Resources may be added.
 */
import { expect, test } from "bun:test";
import { builtInTemplate } from "../../core/create-resources/template.ts";
import { render } from "../support/cfn/render.ts";

/** Properties whose change means replacement, by the documents of CloudFormation. */
const fixed: Readonly<Record<string, readonly string[]>> = {
  "AWS::DynamoDB::Table": ["TableName", "KeySchema"],
  "AWS::IAM::Group": ["GroupName", "Path"],
  "AWS::IAM::ManagedPolicy": ["ManagedPolicyName", "Path", "Description"],
  "AWS::IAM::Role": ["RoleName", "Path"],
  "AWS::IAM::RolePolicy": ["PolicyName", "RoleName"],
  "AWS::S3::Bucket": ["BucketName"],
  "AWS::S3::BucketPolicy": ["Bucket"],
};

const path = "/systems/p/";
/** By the name of the resource in the template, which may not change either. */
const frozen = {
  Bucket: ["the-bucket"],
  BucketPolicy: ["the-bucket"],
  BackupRights: ["p-backup-rights", path, "Store, lock and extend; read the index"],
  BackupRole: ["p-backup", path],
  BackupUsers: ["p-backup-users", path],
  BackupBoundary: ["p-backup-boundary", path, "The most that a user of the backup role may ever do"],
  RestoreRights: ["p-restore-rights", path, "Read every version, and how it is locked"],
  RestoreRole: ["p-restore", path],
  RestoreUsers: ["p-restore-users", path],
  RestoreBoundary: ["p-restore-boundary", path, "The most that a user of the restore role may ever do"],
  AuditRights: ["p-audit-rights", path, "List, look at locks, read manifests; no content"],
  AuditRole: ["p-audit", path],
  AuditUsers: ["p-audit-users", path],
  AuditBoundary: ["p-audit-boundary", path, "The most that a user of the audit role may ever do"],
  ReaderRights: [
    "p-reader-rights",
    path,
    "Read everything but bundles, look at locks, note under verified/ what was read",
  ],
  ReaderRole: ["p-reader", path],
  ReaderUsers: ["p-reader-users", path],
  ReaderBoundary: ["p-reader-boundary", path, "The most that a user of the reader role may ever do"],
  StewardRights: ["p-steward-rights", path, "Extend locks, delete versions that are not locked; no content"],
  StewardRole: ["p-steward", path],
  StewardUsers: ["p-steward-users", path],
  StewardBoundary: ["p-steward-boundary", path, "The most that a user of the steward role may ever do"],
  ReplicationRole: ["p-replication", path],
  ReplicationRights: ["replication", "p-replication"],
  // `IndexOfChunks` (p-index), which no version used, went with the one that made this.
  FleetTable: ["p-fleet", [{ AttributeName: "s3_key", KeyType: "HASH" }]],
};

test("no resource of the template changes in what CloudFormation could change only by replacing it", () => {
  const parameters = {
    PackageName: "p",
    BucketName: "the-bucket",
    ReplicationBucketArn: "arn:aws:s3:::c",
    IndexTable: "yes",
  };
  const found = Object.entries(render(builtInTemplate().document, { parameters }).resources).map(([id, made]) => [
    id,
    fixed[made.type]?.map((property) => made.properties[property]),
  ]);
  expect(Object.fromEntries(found)).toEqual(frozen);
});
