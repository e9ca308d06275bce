/**
 * Takes the bucket of a stack of s3-sysbackup over, without touching an object: that stack keeps its roles, so that nothing of it
 * fails to be deleted later, and gives up the bucket's policy and the export of its name, which a stack of ours then has. The bucket
 * itself stays with it, and is retained when it is deleted.
 */
import { z } from "zod";
import { exitStatus, Failure } from "../failure.ts";
import { follow, type StackDeps, succeeded } from "./follow.ts";
import { loadTemplate } from "./short-tags.ts";
import type { Stack } from "./stacks.ts";
import { blocked } from "./status.ts";
import { isOfLegacy } from "./update.ts";

const doing = "adopt the bucket of the stack";

const resource = z.looseObject({ Type: z.string() });
const output = z.looseObject({ Export: z.unknown().optional() });
const templateSchema = z.looseObject({
  Resources: z.record(z.string(), resource),
  Outputs: z.record(z.string(), output).default({}),
});

/** Returns the name of the bucket. Once done, it does nothing when called again. */
export async function adoptBucket(stackName: string, deps: StackDeps): Promise<string> {
  const { stacks, notify } = deps;
  const stack = await stacks.find(stackName);
  if (stack === undefined) throw refused(stackName, `there is no such stack in the region ${stacks.region}`);
  const inTheWay = blocked(stack, doing);
  if (inTheWay !== undefined) throw inTheWay;
  const bucket = stack.outputs.get("Bucket");
  if (!isOfLegacy(stack) || bucket === undefined) throw refused(stackName, "it is not a stack of s3-sysbackup");
  const template = releasedTemplate(await stacks.template(stack.id));
  await release(stack, template, deps);
  const message = `${JSON.stringify(stackName)} keeps its roles and groups, and the bucket ${JSON.stringify(bucket)} with its lifecycle rules; machines that use these roles can store no more until \`sysbackup write-config\` has run there`;
  notify({ level: "info", code: "bucket-adopted", message });
  return bucket;
}

async function release(stack: Stack, template: string, deps: StackDeps): Promise<void> {
  const after = await deps.stacks.newestEvent(stack.id);
  const parameters = new Map([...stack.parameters.keys()].map((name) => [name, undefined]));
  if (!(await deps.stacks.update(stack.id, { template, parameters }))) return;
  succeeded(await follow(stack.id, after, deps), "UPDATE_COMPLETE", doing, () => "see the stack's events");
}

/** Returns the template without policies of buckets and without exports. Its buckets are retained. @internal */
export function releasedTemplate(text: string): string {
  const template = templateSchema.parse(loadTemplate(text));
  const kept = Object.entries(template.Resources).filter(([, { Type }]) => Type !== "AWS::S3::BucketPolicy");
  const resources = kept.map(([name, one]) => [name, one.Type === "AWS::S3::Bucket" ? { ...one, ...retained } : one]);
  const outputs = Object.entries(template.Outputs).map(([name, { Export: _, ...rest }]) => [name, rest]);
  return JSON.stringify({
    ...template,
    Resources: Object.fromEntries(resources),
    Outputs: Object.fromEntries(outputs),
  });
}

const retained = { DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" } as const;

function refused(what: string, why: string): Failure {
  const remedy = "name the stack that `s3-sysbackup create-resources` made, and its region with --cf-region";
  return new Failure({ doing, what, why, remedy, exit: exitStatus.usage });
}
