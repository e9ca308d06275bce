/** Makes the stack: the bucket, its roles, groups and boundaries. */
import { roleTags } from "../aws/package.ts";
import { Failure } from "../failure.ts";
import { follow, succeeded, type Work } from "./follow.ts";
import { type Settings, withDefaults } from "./parameters.ts";
import type { Stack } from "./stacks.ts";
import { blocked } from "./status.ts";
import type { Template } from "./template.ts";

export type Resources = {
  readonly stackName: string;
  readonly package: string;
  readonly template: Template;
  /** What the user gave. */
  readonly settings: Settings;
};

const doing = "create the stack";

/**
 * Returns the finished stack. A try that fails is rolled back by CloudFormation: of the resources nothing is left, of the stack
 * its events, which the next try removes. Throws a Failure where there is a stack of the name already, or it fails.
 */
export async function createResources(resources: Resources, work: Work): Promise<Stack> {
  const { stackName, template, settings } = resources;
  const parameters = withDefaults(template, settings);
  const before = await work.stacks.find(stackName);
  if (before !== undefined) await clear(before, resources, work);
  const tags = { [roleTags.package]: resources.package };
  const id = await work.stacks.create({ name: stackName, template: template.text, parameters, tags });
  if (id === undefined) throw exists(stackName);
  return succeeded(await follow(id, undefined, work), "CREATE_COMPLETE", doing, remedy);
}

/** Leaves no stack of the name, where all that there is is what our own failed try left. */
async function clear(stack: Stack, { package: name, stackName }: Resources, work: Work): Promise<void> {
  const ours = stack.tags.get(roleTags.package) === name;
  if (stack.status !== "ROLLBACK_COMPLETE" || !ours) throw blocked(stack, doing) ?? exists(stackName);
  const message = `removing the empty stack ${JSON.stringify(stack.name)}, which a try that failed has left`;
  work.notify({ level: "info", code: "stack-cleared", message });
  await work.stacks.remove(stack.id);
  const { stack: removed } = await follow(stack.id, await work.stacks.newestEvent(stack.id), work);
  if (removed.status !== "DELETE_COMPLETE") throw blocked(removed, doing) ?? exists(stackName);
}

function exists(name: string): Failure {
  return new Failure({
    doing,
    what: name,
    why: "it exists already",
    remedy: "change it with `sysbackup update-resources`, or make another with --package-name",
  });
}

function remedy(status: string): string {
  return status === "ROLLBACK_COMPLETE"
    ? "mend that, and run create-resources again: what this try made is removed"
    : "see the stack's events in the CloudFormation console, and delete the stack there before the next try";
}
