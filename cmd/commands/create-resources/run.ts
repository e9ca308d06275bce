import { adoptBucket } from "../../../core/create-resources/adopt.ts";
import { createResources } from "../../../core/create-resources/create.ts";
import { checkForExistingBucket, withDefaults } from "../../../core/create-resources/parameters.ts";
import { exitStatus } from "../../../core/failure.ts";
import type { RunSubcommand } from "../../io.ts";
import { printStack, printTemplate, resourcesOf, stackDeps, statusOf } from "../../shared/resources.ts";
import type { CreateArgs } from "./arguments.ts";

export const run: RunSubcommand<CreateArgs> = async (args, io) => {
  const resources = resourcesOf(args);
  if (args.dryRun) {
    printTemplate(resources, withDefaults(resources.template, resources.settings), undefined, io);
    return exitStatus.done;
  }
  const deps = await stackDeps(args, io);
  const withBucketOf = async (adopted: string) => {
    checkForExistingBucket(withDefaults(resources.template, resources.settings));
    const bucket = await adoptBucket(adopted, deps);
    return { ...resources, settings: new Map([...resources.settings, ["ExistingBucket", bucket]]) };
  };
  try {
    const stack = await createResources(args.adopt === undefined ? resources : await withBucketOf(args.adopt), deps);
    printStack(stack, "created", deps.stacks.region, io);
    return await statusOf(resources, deps);
  } finally {
    deps.stacks.close();
  }
};
