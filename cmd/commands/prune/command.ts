import type { Policy } from "../../core/steward/policy.ts";
import { type Access, accessOf, accessOptions } from "../access.ts";
import { nameOf, noPolicy, policyOf, policyOptions } from "../policy.ts";
import { subcommand, type Words } from "../subcommand.ts";

export type PruneArgs = Access & {
  /** Whose backups; all names where undefined. */
  readonly of: string | undefined;
  readonly policy: Policy;
  readonly dryRun: boolean;
};

export const prune = subcommand<PruneArgs>(
  {
    name: "prune",
    operands: "[name]",
    summary: "Remove the backups that no rule keeps, and what no other backup needs",
    details: [
      "Of all names, or of one. What is still locked is left for a later prune. It needs a role that may delete versions,",
      "which no backed-up machine should have; archives may run meanwhile. See docs/retention.md.",
    ].join("\n"),
    options: [...policyOptions, { flag: "--dry-run", help: "Only show what would be removed" }, ...accessOptions],
    examples: [
      "sysbackup prune --keep-daily 14 --keep-weekly 8 --keep-monthly 12 --dry-run",
      "sysbackup prune web1 --keep-within 30d --keep-yearly 3",
    ],
  },
  pruneArgs,
  () => import("../prune.ts"),
);

function pruneArgs(words: Words): PruneArgs {
  const policy = policyOf(words);
  if (policy === undefined) throw noPolicy("prune");
  return { ...accessOf(words), of: nameOf(words), policy, dryRun: words.given("dry-run") };
}
