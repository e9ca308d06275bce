import { stackToUpdate, updateResources, valuesAfter } from "../../../core/create-resources/update.ts";
import { exitStatus } from "../../../core/failure.ts";
import type { RunSubcommand } from "../../io.ts";
import type { ResourceArgs } from "../../shared/resource-options.ts";
import { printStack, printTemplate, resourcesOf, workOf } from "../../shared/resources.ts";

export const run: RunSubcommand<ResourceArgs> = async (args, io) => {
  const resources = resourcesOf(args);
  const work = await workOf(args, io);
  try {
    if (args.dryRun) {
      const before = await stackToUpdate(resources, work.stacks);
      printTemplate(resources, valuesAfter(resources, before), before, io);
      return exitStatus.done;
    }
    const { stack, changed } = await updateResources(resources, work);
    printStack(stack, changed ? "updated" : "nothing to update in", work.stacks.region, io);
    return exitStatus.done;
  } finally {
    work.stacks.close();
  }
};
