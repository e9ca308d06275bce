import { createResources } from "../../../core/create-resources/create.ts";
import { withDefaults } from "../../../core/create-resources/parameters.ts";
import { exitStatus } from "../../../core/failure.ts";
import type { RunSubcommand } from "../../io.ts";
import type { ResourceArgs } from "../../shared/resource-options.ts";
import { printStack, printTemplate, resourcesOf, stackDeps, statusOf } from "../../shared/resources.ts";

export const run: RunSubcommand<ResourceArgs> = async (args, io) => {
  const resources = resourcesOf(args);
  if (args.dryRun) {
    printTemplate(resources, withDefaults(resources.template, resources.settings), undefined, io);
    return exitStatus.done;
  }
  const deps = await stackDeps(args, io);
  try {
    printStack(await createResources(resources, deps), "created", deps.stacks.region, io);
    return await statusOf(resources, deps);
  } finally {
    deps.stacks.close();
  }
};
