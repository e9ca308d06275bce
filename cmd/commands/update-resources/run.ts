import { stackToUpdate, updateResources, valuesAfter } from "../../../core/create-resources/update.ts";
import { exitStatus } from "../../../core/failure.ts";
import type { RunSubcommand } from "../../io.ts";
import type { ResourceArgs } from "../../shared/resource-options.ts";
import { printStack, printTemplate, resourcesOf, stackDeps, statusOf } from "../../shared/resources.ts";

export const run: RunSubcommand<ResourceArgs> = async (args, io) => {
  const resources = resourcesOf(args);
  const deps = await stackDeps(args, io);
  try {
    if (args.dryRun) {
      const before = await stackToUpdate(resources, deps.stacks);
      printTemplate(resources, valuesAfter(resources, before), before, io);
      return exitStatus.done;
    }
    const { stack, changed } = await updateResources(resources, deps);
    printStack(stack, changed ? "updated" : "nothing to update in", deps.stacks.region, io);
    return await statusOf(resources, deps);
  } finally {
    deps.stacks.close();
  }
};
