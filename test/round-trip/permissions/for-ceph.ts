/** The template's policies as Ceph 16.2 can take them. What it cannot is left out by name, with what comes of that. */
import { nameTag, type RoleName } from "../../../core/aws/package.ts";
import type { Policy, RolePolicies, StackPolicies, Statement } from "../../support/cfn/policies.ts";

/** The backup name of the machine that tries: on AWS its session's tag, on Ceph part of its policies. */
export const ownName = "test";

export type Change = { readonly sid: string; readonly change: string; readonly why: string };

/** A policy with an action that Ceph does not know is refused as a whole. */
export const unknownActions = [
  "cloudformation:ListExports",
  "s3:Replicate*",
  "s3:PutBucketOwnershipControls",
  "s3:PutEncryptionConfiguration",
  "s3:PutIntelligentTieringConfiguration",
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
    sid: "OnlyRolesOfThePackageRead",
    change: "one role at a time",
    why: "as for the statement above",
  },
  {
    sid: "OnlyRolesOfThePackageList",
    change: "without the condition on CloudFormation; one role at a time",
    why: "it does not know `ForAllValues`; for the rest, see the statements above",
  },
  {
    sid: "EveryPutStatesItsLock",
    change: "left out",
    why: "it does not know the key `s3:object-lock-mode`, takes it for absent, and so refuses every put",
  },
  {
    sid: "StoreAndLock",
    change: "for one machine: its name in place of the policy variable",
    why: "it takes no policy variable, and has no session tags in AssumeRole",
  },
  {
    sid: "OwnNameOnly",
    change: "for one machine: its name in place of the policy variable",
    why: "it takes no policy variable, and has no session tags in AssumeRole",
  },
  {
    sid: "NobodyWithoutAName",
    change: "left out",
    why: "it does not know the key `aws:PrincipalTag`, takes it for absent, and so refuses every put of the backup role",
  },
  {
    sid: "ChangesThroughCloudFormationOnly",
    change:
      "`s3:PutBucketOwnershipControls`, `s3:PutEncryptionConfiguration` and `s3:PutIntelligentTieringConfiguration` left out; another condition, which holds for every role",
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
  {
    sid: "NoKeyInRequests",
    change: "taken, without effect",
    why: "it does not know the key `s3:x-amz-server-side-encryption-customer-algorithm`, and takes it for absent",
  },
  {
    sid: "NoArchiveClasses",
    change: "taken, without effect",
    why: "it does not know the key `s3:x-amz-storage-class`, and takes it for absent",
  },
  { sid: "NoLongLocks", change: "taken, without effect", why: remaining },
  { sid: "NoLongLocksByTheSteward", change: "taken, without effect", why: remaining },
];

export function rightsForCeph({ rights }: RolePolicies): Policy {
  return policyOf(rights.flatMap(({ Statement }) => Statement));
}

/** Ceph has no session tags, so that nobody could assume a role whose trust asks for one. */
export function trustForCeph({ trust }: RolePolicies): Policy {
  return { ...trust, Statement: trust.Statement.map(({ Condition: _, ...one }) => one) };
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
        case "NobodyWithoutAName":
          return [];
        case "OnlyRolesOfThePackage":
        case "OnlyRolesOfThePackageRead":
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
  const known = statements.map((one) => ({
    ...named(one),
    Action: one.Action.filter((action) => !unknown.has(action)),
  }));
  return { Version: "2012-10-17", Statement: known.filter(({ Action }) => Action.length > 0) };
}

/** The statement for one machine, in place of the policy variable. */
function named(statement: Statement): Statement {
  const variable = `\${aws:PrincipalTag/${nameTag}}`;
  const of = (texts: readonly string[] | undefined) => texts?.map((text) => text.replaceAll(variable, ownName));
  const [Resource, NotResource] = [of(statement.Resource), of(statement.NotResource)];
  return { ...statement, ...(Resource && { Resource }), ...(NotResource && { NotResource }) };
}
