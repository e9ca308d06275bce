import { accessOptions } from "../../shared/access.ts";
import { policyOptions } from "../../shared/policy.ts";
import { subcommand } from "../../subcommand.ts";
import { type PruneArgs, pruneArgs } from "./arguments.ts";

export const prune = subcommand<PruneArgs>(
  {
    name: "prune",
    operands: "[...names]",
    summary: "Remove the backups that no rule keeps, and what no other backup needs",
    details: [
      "Prunes all names, or some. Leaves what is still locked for a later prune. Needs a role that may delete versions,",
      "which no backed-up machine should have. Archives may run at the same time. See docs/retention.md.",
    ].join("\n"),
    options: [
      ...policyOptions,
      { flag: "--give-up <names>", help: "Keep nothing for unreadable manifests of these names or keys (with commas)" },
      { flag: "--dry-run", help: "Only show what would be removed" },
      ...accessOptions,
    ],
    examples: [
      "sysbackup prune --keep-daily 14 --keep-weekly 8 --keep-monthly 12 --dry-run",
      "sysbackup prune web1 --keep-within 30d --keep-yearly 3",
    ],
  },
  pruneArgs,
  () => import("./run.ts"),
);
