import { type ResourceArgs, resourceArgs, resourceOptions } from "../../shared/resource-options.ts";
import { subcommand } from "../../subcommand.ts";

export const updateResources = subcommand<ResourceArgs>(
  {
    name: "update-resources",
    operands: "",
    summary: "Update the stack of create-resources to this version's template, or to other parameters",
    details: "Parameters that are not given keep their values. With --dry-run, shows which would change.",
    options: resourceOptions,
    examples: [
      "sysbackup update-resources --cf-region eu-central-1",
      "sysbackup update-resources --parameters RequireMfaToRestore=yes --dry-run",
    ],
  },
  resourceArgs,
  () => import("./run.ts"),
);
