/**
 * Assumes the backup role of a package in the name of a machine: with its backup name as a tag of the session. The role
 * takes only the name with which the machine's own user is tagged, and lets its sessions store under that name alone.
 */
import { BucketError } from "../bucket/contract.ts";
import { isBackupRole, nameTag } from "./package.ts";
import { isAboutKeys } from "./sts.ts";

export type SessionTags = { readonly Tags?: { Key: string; Value: string }[] };

export type InName<Answer> = {
  readonly answer: Answer;
  /** Whether the session has the name. False for other roles, and for stacks of earlier versions, which refuse tags. */
  readonly named: boolean;
};

/**
 * Tries without the tag if STS denies it. Security does not depend on that: a stack of this version denies both. If both are
 * denied, rejects with the first answer.
 */
export async function inName<Answer>(
  roleArn: string,
  name: string | undefined,
  assume: (tags: SessionTags) => Promise<Answer>,
): Promise<InName<Answer>> {
  if (name === undefined || !isBackupRole(roleArn)) return { answer: await assume({}), named: false };
  try {
    return { answer: await assume({ Tags: [{ Key: nameTag, Value: name }] }), named: true };
  } catch (error) {
    if (!isDenied(error)) throw error;
    try {
      return { answer: await assume({}), named: false };
    } catch (without) {
      throw isDenied(without) ? error : without;
    }
  }
}

/** Returns whether STS knows the keys, and denies them the role or the tag. */
export function isDenied(error: unknown): boolean {
  if (!(error instanceof Error) || isAboutKeys(error) || !("$metadata" in error)) return false;
  const { $metadata: metadata } = error;
  return (
    typeof metadata === "object" &&
    metadata !== null &&
    "httpStatusCode" in metadata &&
    metadata.httpStatusCode === 403 &&
    /^AccessDenied/.test(error.name)
  );
}

/** Words the refusal of a package's backup role. STS does not say which of the causes it is. */
export function deniedInName(roleArn: string, name: string, cause: unknown): BucketError {
  return new BucketError("credentials", {
    doing: "assume the role",
    what: roleArn,
    why: `it does not take these credentials for the backup name ${JSON.stringify(name)}`,
    remedy: `run sysbackup write-config on this machine again, which tags its IAM user with ${nameTag} = ${name}; for an instance's role, tag that one; check role_arn and [backup] name`,
    cause,
  });
}
