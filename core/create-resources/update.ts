/** Brings a stack to this version's template, and to other parameters. */
import { exitStatus, Failure } from "../failure.ts";
import type { Resources } from "./create.ts";
import { follow, succeeded, type Work } from "./follow.ts";
import type { Settings } from "./parameters.ts";
import type { Stack, Stacks, StackUpdate } from "./stacks.ts";
import { blocked } from "./status.ts";

const doing = "update the stack";

export type Updated = { readonly stack: Stack; readonly changed: boolean };

/** Parameters that are not given stay as the stack has them. Throws a Failure where there is no such stack, or it fails. */
export async function updateResources(resources: Resources, work: Work): Promise<Updated> {
  const { stacks } = work;
  const before = await stackToUpdate(resources, stacks);
  const after = await stacks.newestEvent(before.id);
  const parameters = parametersOf(resources, before);
  if (!(await stacks.update(before.id, { template: resources.template.text, parameters }))) {
    return { stack: before, changed: false };
  }
  const stack = succeeded(await follow(before.id, after, work), "UPDATE_COMPLETE", doing, remedy);
  return { stack, changed: true };
}

/** The stack as it is; a Failure where it is none that can be updated. */
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
  const other = stack.parameters.get("PackageName");
  if (other === name) return withSameKey(withSameBucket(stack, settings), settings);
  throw new Failure({
    doing,
    what: stackName,
    why: other === undefined ? "it is no stack of sysbackup" : `it is that of the package ${JSON.stringify(other)}`,
    remedy: other === undefined ? "check --stack-name" : `give --package-name ${other}, or another --stack-name`,
    exit: exitStatus.usage,
  });
}

/** CloudFormation would put another bucket in its place, and leave the backups in one that nothing guards any more. */
function withSameBucket(stack: Stack, settings: Settings): Stack {
  for (const name of ["BucketName", "ExistingBucket"]) {
    const value = settings.get(name);
    if (value === undefined || value === stack.parameters.get(name)) continue;
    throw new Failure({
      doing,
      what: stack.name,
      why: `${name}=${value} would be another bucket, without the backups`,
      remedy: `leave ${name} out; for another bucket, make another package (--package-name)`,
      exit: exitStatus.usage,
    });
  }
  return stack;
}

/** The roles could no longer decrypt what is stored. A first key takes nothing away. */
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

/** What the stack will have: value by parameter. */
export function valuesAfter({ template, settings }: Resources, before: Stack): ReadonlyMap<string, string> {
  return new Map(
    [...template.parameters].map(([name, parameter]) => [
      name,
      settings.get(name) ?? before.parameters.get(name) ?? parameter.default ?? "",
    ]),
  );
}

/** Only what the stack has can be kept as it is; parameters that are new get the template's default. */
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
    ? "mend that, and run update-resources again: the stack is as it was before"
    : "see the stack's events in the CloudFormation console";
}
