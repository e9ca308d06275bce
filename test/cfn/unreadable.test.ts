/** What a thief of a machine's key could store that nobody can read, by AWS's rules: Ceph knows neither keys nor classes of these. */
import { describe, expect } from "bun:test";
import { nameTag } from "../../core/aws/package.ts";
import { attack } from "../support/attack.ts";
import { judge } from "../support/cfn/judge.ts";
import { type Policy, renderPolicies } from "../support/cfn/policies.ts";

const { roles, bucket } = renderPolicies({ parameters: { BucketName: "the-bucket" } });
const anything: Policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: ["*"] }] };
const layers = { "the role's policy": roles.backup.rights, "the bucket policy": [anything, bucket] };

const shared = ["packs/0", "content/0"];
const named = ["manifests/web1/0", "manifests/web1/parts/0", "index/web1/0", "snapshots/web1/0"];
const bundle = "bundles/web1/0";

/** Whether the machine web1 may store the key by a request with these headers, as policies see them. */
function may(policies: readonly Policy[], key: string, headers: Readonly<Record<string, string>>): boolean {
  const context = {
    "aws:SecureTransport": "true",
    "aws:userid": "AROABACKUPROLE:sysbackup-web1",
    [`aws:PrincipalTag/${nameTag}`]: "web1",
    "s3:object-lock-mode": "GOVERNANCE",
    "s3:object-lock-remaining-retention-days": "40",
    ...headers,
  };
  return judge(policies, { action: "s3:PutObject", resource: `arn:aws:s3:::the-bucket/${key}`, context }).allowed;
}

const refused = (policies: readonly Policy[], keys: readonly string[], headers: Readonly<Record<string, string>>) =>
  expect(keys.filter((key) => may(policies, key, headers))).toEqual([]);
const allowed = (policies: readonly Policy[], keys: readonly string[], headers: Readonly<Record<string, string>>) =>
  expect(keys.filter((key) => !may(policies, key, headers))).toEqual([]);

const encryption = "s3:x-amz-server-side-encryption";
const storageClass = "s3:x-amz-storage-class";

describe.each(Object.entries(layers))("by %s alone", (layer, policies) => {
  const variant = { variant: layer };

  attack(
    {
      by: "H",
      what: "A host puts over a shared pack what only its own key can decrypt (SSE-C)",
      before: "stored and locked; the newest version of the pack could be read by nobody else",
      now: "denied by role and bucket policy (by AWS's rules; not seen on AWS)",
    },
    () => {
      allowed(policies, [...shared, ...named, bundle], {});
      for (const is of ["AES256", ""]) {
        refused(policies, [...shared, ...named, bundle], { [`${encryption}-customer-algorithm`]: is });
      }
    },
    variant,
  );

  attack(
    {
      by: "H",
      what: "A host stores, encrypted with a KMS key that it can take away",
      before: "allowed, if the key's policy let it",
      now: "no request may name an encryption: the bucket's own setting does",
    },
    () => {
      const key = { [`${encryption}-aws-kms-key-id`]: "arn:aws:kms:eu-central-1:666666666666:key/k" };
      for (const is of ["aws:kms", "aws:kms:dsse", "AES256"]) {
        refused(policies, [...shared, ...named, bundle], { [encryption]: is });
        refused(policies, [...shared, ...named, bundle], { [encryption]: is, ...key });
      }
    },
    variant,
  );

  attack(
    {
      by: "H",
      what: "A host stores in an archive class, so that a restore must first wait and pay for hours",
      before: "allowed, in every class",
      now: "only classes that can be read at once and lie in several zones; bundles/ may be cold (by AWS's rules; not seen on AWS)",
    },
    () => {
      const others = [
        "GLACIER",
        "DEEP_ARCHIVE",
        "INTELLIGENT_TIERING",
        "ONEZONE_IA",
        "REDUCED_REDUNDANCY",
        "OF_2030",
        "",
      ];
      for (const one of others) {
        refused(policies, [...shared, ...named], { [storageClass]: one });
        allowed(policies, [bundle], { [storageClass]: one });
      }
      for (const one of ["STANDARD", "STANDARD_IA", "GLACIER_IR"])
        allowed(policies, [...shared, ...named, bundle], { [storageClass]: one });
    },
    variant,
  );
});
