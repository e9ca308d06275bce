/** Finds the role of a package that `create-resources` made, by its path. Its tags have all that a machine needs to know. */
import { z } from "zod";
import { nameTag, packagePath, type RoleName, roleTags, tableTag } from "../aws/package.ts";
import { exitStatus, Failure } from "../failure.ts";
import { type LockMode, lockModes } from "../format/lock-mode.ts";
import type { Iam, Tags } from "./iam.ts";

export type RoleDescription = {
  readonly package: string;
  readonly role: RoleName;
  readonly arn: string;
  readonly bucket: string;
  readonly region: string;
  /** Name of the group whose members may assume it. */
  readonly group: string;
  /** ARN of the policy that such members must have as their boundary. */
  readonly boundary: string;
  readonly lockMode: LockMode;
  /** The most days from now until which a lock may reach. */
  readonly longestLockDays: number;
  /** The table of DynamoDB in which the fleet's machines look up what others have stored, if the stack has one. */
  readonly table: string | undefined;
};

const tagged = z.object({
  [roleTags.bucket]: z.string().min(1),
  [roleTags.region]: z.string().min(1),
  [roleTags.group]: z.string().min(1),
  [roleTags.boundary]: z.string().startsWith("arn:"),
  [roleTags.lockMode]: z.enum(lockModes),
  [roleTags.longestLockDays]: z.coerce.number().int().positive(),
  [tableTag]: z.string().min(1).optional(),
});

/** Throws a Failure if there is no such role, or it lacks a tag. */
export async function findRole(iam: Iam, name: string, role: RoleName): Promise<RoleDescription> {
  const all = await iam.roles(packagePath(name));
  const found = all.find(({ tags }) => tags.get(roleTags.package) === name && tags.get(roleTags.role) === role);
  if (found === undefined) throw missing(name, role);
  const result = tagged.safeParse(Object.fromEntries(found.tags));
  if (!result.success) throw incomplete(found.arn, String(result.error.issues[0]?.path[0]));
  const tags = result.data;
  return {
    package: name,
    role,
    arn: found.arn,
    bucket: tags[roleTags.bucket],
    region: tags[roleTags.region],
    group: tags[roleTags.group],
    boundary: tags[roleTags.boundary],
    lockMode: tags[roleTags.lockMode],
    longestLockDays: tags[roleTags.longestLockDays],
    table: tags[tableTag],
  };
}

/** What is to be set up: a machine in a role. */
export type MachineRole = {
  readonly role: RoleDescription;
  /** Its backup name, which its user must be tagged with, as the role backup asks for. Undefined for the others. */
  readonly name: string | undefined;
};

/** Tag of the user with the machine's name. */
export function nameTags({ name }: MachineRole): Tags {
  return new Map(name === undefined ? [] : [[nameTag, name]]);
}

/** Tags of the IAM user, by which a later run recognises it. */
export function userTags({ package: name, role }: RoleDescription): Tags {
  return new Map([
    [roleTags.package, name],
    [roleTags.role, role],
  ]);
}

function missing(name: string, role: RoleName): Failure {
  return new Failure({
    doing: `find the ${role} role of the package`,
    what: name,
    why: "this AWS account has none",
    remedy: `create it with sysbackup create-resources --package-name ${name}, or check the account and --package-name`,
  });
}

function incomplete(arn: string, tag: string): Failure {
  return new Failure({
    doing: "use the role",
    what: arn,
    why: `its tag ${tag} is missing, or has a value that create-resources does not write`,
    remedy: "update the stack with sysbackup update-resources",
  });
}

/** Days of slack: locks reach seven days beyond the promise, S3 rounds up to full days, and a machine's clock may be a little ahead. */
const lockSlackDays = 8;

/** Throws a Failure (exit 2) if the bucket would refuse every object because its lock reaches too far. */
export function checkLockDays(daysRetained: number, { longestLockDays, package: name }: RoleDescription): void {
  if (daysRetained + lockSlackDays <= longestLockDays) return;
  const longestRetention = longestLockDays - lockSlackDays;
  throw new Failure({
    doing: "use days_retained",
    what: String(daysRetained),
    why: `the bucket of ${JSON.stringify(name)} allows locks of at most ${longestLockDays} days, and archive locks for up to ${lockSlackDays} days more than days_retained`,
    remedy: `give --retain-days ${longestRetention} or fewer, or raise LongestLockDays with sysbackup update-resources`,
    exit: exitStatus.usage,
  });
}
