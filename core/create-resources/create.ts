/** Creates the stack: the bucket, its roles, groups and boundaries. */
import { roleTags } from "../aws/package.ts";
import { Failure } from "../failure.ts";
import { follow, type StackDeps, succeeded } from "./follow.ts";
import { type Settings, withDefaults } from "./parameters.ts";
import type { Stack } from "./stacks.ts";
import { blocked } from "./status.ts";
import type { Template } from "./template.ts";

export type Resources = {
  readonly stackName: string;
  readonly package: string;
  readonly template: Template;
  /** Parameters that the user gave. */
  readonly settings: Settings;
};

const doing = "create the stack";

/**
 * Returns the finished stack. CloudFormation rolls back a failed attempt: it leaves no resource, only the empty stack with its
 * events, which the next attempt removes. Throws a Failure if there is already a stack of the name, or if it fails.
 */
export async function createResources(resources: Resources, deps: StackDeps): Promise<Stack> {
  const { stackName, template, settings } = resources;
  const parameters = withDefaults(template, settings);
  const before = await deps.stacks.find(stackName);
  if (before !== undefined) await clear(before, resources, deps);
  const tags = { [roleTags.package]: resources.package };
  const id = await deps.stacks.create({ name: stackName, template: template.text, parameters, tags });
  if (id === undefined) throw exists(stackName);
  return succeeded(await follow(id, undefined, deps), "CREATE_COMPLETE", doing, remedy);
}

/** Removes the empty stack that our own failed attempt left. Throws a Failure for any other stack of the name. */
async function clear(stack: Stack, { package: name, stackName }: Resources, deps: StackDeps): Promise<void> {
  const ours = stack.tags.get(roleTags.package) === name;
  if (stack.status !== "ROLLBACK_COMPLETE" || !ours) throw blocked(stack, doing) ?? exists(stackName);
  const message = `removing the empty stack ${JSON.stringify(stack.name)}, which a failed attempt left`;
  deps.notify({ level: "info", code: "stack-cleared", message });
  await deps.stacks.remove(stack.id);
  const { stack: removed } = await follow(stack.id, await deps.stacks.newestEvent(stack.id), deps);
  if (removed.status !== "DELETE_COMPLETE") throw blocked(removed, doing) ?? exists(stackName);
}

function exists(name: string): Failure {
  return new Failure({
    doing,
    what: name,
    why: "it already exists",
    remedy: "change it with `sysbackup update-resources`, or make another with --package-name",
  });
}

function remedy(status: string): string {
  return status === "ROLLBACK_COMPLETE"
    ? "fix that, and run create-resources again: everything that this attempt made is removed"
    : "see the stack's events in the CloudFormation console, and delete the stack there before the next attempt";
}
