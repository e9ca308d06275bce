/** What roles outside the package may do to the bucket, by AWS's rules: S3 replicates an existing bucket, AWS Backup reads it. */
import { describe, expect, test } from "bun:test";
import { builtInTemplate } from "../../core/create-resources/template.ts";
import { judge } from "../support/cfn/judge.ts";
import { type Policy, renderPolicies } from "../support/cfn/policies.ts";

const [replication, backupService, stranger] = ["AROAREPLICATION00001", "AROAAWSBACKUP0000001", "AROASTRANGER00000001"];
/** All that the role's own policy could allow. */
const anything: Policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: ["*"] }] };

/** What a session of the role may do: "action resource". */
function allowed(parameters: Readonly<Record<string, string>>, id: string, attempts: readonly string[]): string[] {
  const { bucket } = renderPolicies({ parameters });
  return attempts.filter((attempt) => {
    const [action = "", resource = ""] = attempt.split(" ");
    const context = {
      "aws:SecureTransport": "true",
      "aws:userid": `${id}:session`,
      "s3:object-lock-mode": "GOVERNANCE",
      "s3:object-lock-remaining-retention-days": "9",
    };
    return judge([anything, bucket], { action, resource: `arn:aws:s3:::there${resource}`, context }).allowed;
  });
}

const read = [
  "s3:GetObject /packs/a",
  "s3:GetObjectLegalHold /packs/a",
  "s3:GetObjectRetention /packs/a",
  "s3:GetObjectVersion /manifests/web1/a",
  "s3:GetObjectVersionAcl /packs/a",
  "s3:GetObjectVersionForReplication /packs/a",
  "s3:GetObjectVersionTagging /packs/a",
  "s3:ListBucket ",
  "s3:ListBucketVersions ",
];
const write = [
  "s3:PutObject /packs/a",
  "s3:PutObject /manifests/web1/a",
  "s3:PutObject /verified/a",
  "s3:PutObjectRetention /packs/a",
  "s3:PutObjectTagging /packs/a",
  "s3:PutObjectLegalHold /packs/a",
  "s3:ReplicateObject /packs/a",
  "s3:ReplicateDelete /packs/a",
  "s3:DeleteObject /packs/a",
  "s3:DeleteObjectVersion /packs/a",
  "s3:BypassGovernanceRetention /packs/a",
  "s3:AbortMultipartUpload /packs/a",
  "s3:RestoreObject /bundles/web1/a",
  "s3:PutBucketPolicy ",
  "s3:PutReplicationConfiguration ",
];

describe("a bucket that exists, and that is replicated by a role of its own,", () => {
  const existing = { ExistingBucket: "there" };

  test("a role that OtherReaders does not name reads nothing, not even if S3 replicates with it", () => {
    expect(allowed(existing, replication, [...read, ...write])).toEqual([]);
  });

  test.each([replication, `${replication},${backupService}`, `${backupService},${replication}`])(
    "a role among OtherReaders=%s reads all that replication and AWS Backup need, and changes nothing",
    (OtherReaders) => {
      expect(allowed({ ...existing, OtherReaders }, replication, [...read, ...write])).toEqual(read);
      expect(allowed({ ...existing, OtherReaders }, stranger, [...read, ...write])).toEqual([]);
    },
  );

  test.each([`${replication}X`, replication.slice(0, -1), `X${replication}`])(
    "a role with an ID like that of another reader, %s, reads nothing",
    (id) => {
      expect(allowed({ ...existing, OtherReaders: replication }, id, read)).toEqual([]);
    },
  );
});

test("the role that replicates a new bucket reads all that it needs, and changes nothing, beside other readers", () => {
  const parameters = { BucketName: "there", ReplicationBucketArn: "arn:aws:s3:::copy" };
  for (const more of [{}, { OtherReaders: backupService }])
    expect(allowed({ ...parameters, ...more }, "AROAREPLICATIONROLE", [...read, ...write])).toEqual(read);
});

test("OtherReaders takes IDs of roles, and nothing that would be a pattern or an ID of somebody else", () => {
  const pattern = builtInTemplate().parameters.get("OtherReaders")?.pattern;
  const ten = Array.from({ length: 10 }, () => replication).join(",");
  for (const good of ["", replication, `${replication},${stranger}`, ten])
    expect([good, pattern?.test(good)]).toEqual([good, true]);
  const bad = [
    "*",
    "AROA*",
    "AROA",
    `${replication}:*`,
    `${replication},`,
    `,${replication}`,
    `${replication}, ${stranger}`,
  ];
  for (const one of [
    ...bad,
    "AIDAREPLICATION00001",
    "replication",
    `${ten},${stranger}`,
    "123456789012",
    "arn:aws:iam::123456789012:role/x",
  ])
    expect([one, pattern?.test(one)]).toEqual([one, false]);
});
