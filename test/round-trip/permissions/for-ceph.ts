/** The template's policies as Ceph 16.2 can take them. What it cannot is left out by name, with what comes of that. */
import type { RoleName } from "../../../core/aws/package.ts";
import type { Policy, RolePolicies, StackPolicies, Statement } from "../../support/cfn/policies.ts";

export type Change = { readonly sid: string; readonly change: string; readonly why: string };

/** A policy with an action that Ceph does not know is refused as a whole. */
export const unknownActions = [
  "cloudformation:ListExports",
  "s3:Replicate*",
  "s3:PutBucketOwnershipControls",
  "s3:PutEncryptionConfiguration",
] as const;

const unknown: ReadonlySet<string> = new Set(unknownActions);

export const changes: readonly Change[] = [
  {
    sid: "FindTheBucket",
    change: "left out",
    why: "it does not know `cloudformation:ListExports`, and has no CloudFormation",
  },
  {
    sid: "OnlyRolesOfThePackage",
    change: "`s3:Replicate*` left out; one role at a time",
    why: "it does not know that action; a negated condition with several values holds where any does not match, not where none does, so that it would refuse every role",
  },
  {
    sid: "OnlyRolesOfThePackageList",
    change: "without the condition on CloudFormation; one role at a time",
    why: "it does not know `ForAllValues`; for the rest, see the statement above",
  },
  {
    sid: "EveryPutStatesItsLock",
    change: "left out",
    why: "it does not know the key `s3:object-lock-mode`, takes it for absent, and so refuses every put",
  },
  {
    sid: "ChangesThroughCloudFormationOnly",
    change:
      "`s3:PutBucketOwnershipControls` and `s3:PutEncryptionConfiguration` left out; another condition, which holds for every role",
    why: "it does not know them, nor `ForAllValues`. Nothing comes through CloudFormation there, so that it says the same to all roles",
  },
];

const remaining = "it does not know the key `s3:object-lock-remaining-retention-days`, and takes it for absent";

/** Statements that Ceph takes as they stand, and that refuse nothing there. */
export const inert: readonly Change[] = [
  {
    sid: "EncryptedTransportOnly",
    change: "taken, without effect",
    why: "for a request without TLS, the key `aws:SecureTransport` is absent, not `false`",
  },
  {
    sid: "OneLockMode",
    change: "taken, without effect",
    why: "it does not know the key `s3:object-lock-mode`, and takes it for absent",
  },
  { sid: "NoLongLocks", change: "taken, without effect", why: remaining },
  { sid: "NoLongLocksByTheSteward", change: "taken, without effect", why: remaining },
];

export function rightsForCeph({ rights }: RolePolicies): Policy {
  return policyOf(rights.flatMap(({ Statement }) => Statement));
}

/** `role`: the one that is let in. */
export function bucketForCeph(
  { bucket }: StackPolicies,
  role: RoleName,
  ids: Readonly<Record<RoleName, string>>,
): Policy {
  return policyOf(
    bucket.Statement.flatMap((statement): Statement[] => {
      switch (statement.Sid) {
        case "EveryPutStatesItsLock":
          return [];
        case "OnlyRolesOfThePackage":
        case "OnlyRolesOfThePackageList":
          return [{ ...statement, Condition: { StringNotLike: { "aws:userid": [`${ids[role]}:*`] } } }];
        // The user who owns the bucket has no `aws:userid` there, and goes on to change policies.
        case "ChangesThroughCloudFormationOnly":
          return [{ ...statement, Condition: { StringLike: { "aws:userid": ["*"] } } }];
        default:
          return [statement];
      }
    }),
  );
}

function policyOf(statements: readonly Statement[]): Policy {
  const known = statements.map((one) => ({ ...one, Action: one.Action.filter((action) => !unknown.has(action)) }));
  return { Version: "2012-10-17", Statement: known.filter(({ Action }) => Action.length > 0) };
}
