/** Updates a stack to this version's template, and to other parameters. */
import { nameTag, roleTags } from "../aws/package.ts";
import { exitStatus, Failure } from "../failure.ts";
import type { Resources } from "./create.ts";
import { follow, type StackDeps, succeeded } from "./follow.ts";
import type { Settings } from "./parameters.ts";
import type { Stack, Stacks, StackUpdate } from "./stacks.ts";
import { blocked } from "./status.ts";

const doing = "update the stack";

export type UpdateDeps = StackDeps & {
  /** IAM users of the package's backup role that have no backup name. */
  readonly usersWithoutName: (name: string) => Promise<readonly string[]>;
};

export type Updated = { readonly stack: Stack; readonly changed: boolean };

/** Keeps the stack's value of each parameter that is not given. Throws a Failure if there is no such stack, or it fails. */
export async function updateResources(resources: Resources, deps: UpdateDeps): Promise<Updated> {
  const { stacks } = deps;
  const before = await stackToUpdate(resources, stacks);
  if (!asksForNames(before)) await refuseNameless(resources, deps);
  const after = await stacks.newestEvent(before.id);
  const parameters = parametersOf(resources, before);
  if (!(await stacks.update(before.id, { template: resources.template.text, parameters }))) {
    return { stack: before, changed: false };
  }
  const stack = succeeded(await follow(before.id, after, deps), "UPDATE_COMPLETE", doing, remedy);
  return { stack, changed: true };
}

/** Returns whether the backup role of the stack takes only machines with a name: that came with the role of the reader. */
function asksForNames({ outputs }: Stack): boolean {
  return outputs.has("ReaderRoleArn");
}

/** Refuses an update that would end the backups of machines: the backup role takes no user without a backup name. */
async function refuseNameless(
  { package: name, stackName }: Resources,
  { usersWithoutName }: UpdateDeps,
): Promise<void> {
  const users = await usersWithoutName(name);
  if (users.length === 0) return;
  const some = users.slice(0, 5).map((user) => JSON.stringify(user));
  const more = users.length > some.length ? ` and ${users.length - some.length} more` : "";
  throw new Failure({
    doing,
    what: stackName,
    why: `machines with these IAM users could store no more backups, as the users have no tag ${nameTag}: ${some.join(", ")}${more}`,
    remedy: `run sysbackup write-config again on each machine; remove users that no machine needs from the group ${name}-backup-users`,
  });
}

/** Returns the stack as it is. Throws a Failure if it cannot be updated. */
export async function stackToUpdate({ stackName, package: name, settings }: Resources, stacks: Stacks): Promise<Stack> {
  const stack = await stacks.find(stackName);
  if (stack === undefined) {
    throw new Failure({
      doing,
      what: stackName,
      why: `there is no such stack in the region ${stacks.region}`,
      remedy: "check --cf-region and --stack-name, or make it with `sysbackup create-resources`",
    });
  }
  const inTheWay = blocked(stack, doing);
  if (inTheWay !== undefined) throw inTheWay;
  if (isOfLegacy(stack)) throw ofLegacy(stackName);
  const stated = stack.parameters.get("PackageName");
  const other = stated === name && !isOurs(stack) ? undefined : stated;
  if (other === name) return withSameMode(withSameKey(withSameBucket(stack, settings), settings), settings);
  throw new Failure({
    doing,
    what: stackName,
    why: other === undefined ? "it is not a stack of sysbackup" : `it belongs to the package ${JSON.stringify(other)}`,
    remedy: other === undefined ? "check --stack-name" : `give --package-name ${other}, or another --stack-name`,
    exit: exitStatus.usage,
  });
}

/** Knows our stacks by what only our template and `create-resources` make: a parameter `PackageName` is in stacks of others, too. */
function isOurs({ outputs, tags }: Stack): boolean {
  return outputs.has("BackupRoleArn") || tags.has(roleTags.package);
}

/** Returns whether it is a stack of s3-sysbackup, by parameters that ours have not. */
export function isOfLegacy(stack: Stack): boolean {
  const { parameters } = stack;
  return !isOurs(stack) && parameters.has("BucketExport") && parameters.has("PackageName");
}

function ofLegacy(stackName: string): Failure {
  return new Failure({
    doing,
    what: stackName,
    why: "it is a stack of s3-sysbackup: an update would delete its roles and groups",
    remedy: `bring its bucket into a stack of ours: \`sysbackup create-resources --adopt ${stackName}\`, see docs/s3-sysbackup.md`,
    exit: exitStatus.usage,
  });
}

/** Refuses another bucket: CloudFormation would replace this one, and leave the backups in a bucket without protection. */
function withSameBucket(stack: Stack, settings: Settings): Stack {
  for (const name of ["BucketName", "ExistingBucket"]) {
    const value = settings.get(name);
    if (value === undefined || value === stack.parameters.get(name)) continue;
    throw new Failure({
      doing,
      what: stack.name,
      why: `${name}=${value} would mean another bucket, without the backups`,
      remedy: `leave ${name} out; for another bucket, make another package (--package-name)`,
      exit: exitStatus.usage,
    });
  }
  return stack;
}

/** Refuses another key, as the roles could no longer decrypt what is stored. A first key is allowed. */
function withSameKey(stack: Stack, settings: Settings): Stack {
  const [value, before = ""] = [settings.get("KmsKeyArn"), stack.parameters.get("KmsKeyArn")];
  if (value === undefined || before === "" || value === before) return stack;
  throw new Failure({
    doing,
    what: stack.name,
    why: "with another KmsKeyArn, its roles could not read what was encrypted with this one",
    remedy:
      "leave KmsKeyArn out; KMS rotates a key by itself, and for another key, make another package (--package-name)",
    exit: exitStatus.usage,
  });
}

/**
 * Refuses another lock mode, also from GOVERNANCE to COMPLIANCE: the bucket policy would allow only the new one, and a lock of
 * the old one could never be extended, as a change of its mode needs the right to bypass it, which nobody has.
 */
function withSameMode(stack: Stack, settings: Settings): Stack {
  const [value, before] = [settings.get("LockMode"), stack.parameters.get("LockMode")];
  if (value === undefined || before === undefined || value === before) return stack;
  throw new Failure({
    doing,
    what: stack.name,
    why: `with LockMode=${value}, no lock of the mode ${before} could be extended any more`,
    remedy: "leave LockMode out; for another mode, make another package (--package-name)",
    exit: exitStatus.usage,
  });
}

/** The parameters that the stack will have. */
export function valuesAfter({ template, settings }: Resources, before: Stack): ReadonlyMap<string, string> {
  return new Map(
    [...template.parameters].map(([name, parameter]) => [
      name,
      settings.get(name) ?? before.parameters.get(name) ?? parameter.default ?? "",
    ]),
  );
}

/** Parameters for the update: those that the stack has keep their values; new ones get the template's default. */
function parametersOf({ template, settings }: Resources, before: Stack): StackUpdate["parameters"] {
  return new Map(
    [...template.parameters].map(([name, parameter]) => [
      name,
      settings.get(name) ?? (before.parameters.has(name) ? undefined : parameter.default),
    ]),
  );
}

function remedy(status: string): string {
  return status === "UPDATE_ROLLBACK_COMPLETE"
    ? "fix that, and run update-resources again: the stack is as it was before"
    : "see the stack's events in the CloudFormation console";
}
