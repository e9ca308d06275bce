/** The arguments of `sysbackup prune`, parsed. */
import type { Policy } from "../../../core/steward/policy.ts";
import { type Access, accessOf } from "../../shared/access.ts";
import { noPolicy, onlyNameOf, policyOf } from "../../shared/policy.ts";
import type { Words } from "../../subcommand.ts";

export type PruneArgs = Access & {
  /** Prunes backups of this name only; of all names if undefined. */
  readonly onlyName: string | undefined;
  readonly policy: Policy;
  readonly dryRun: boolean;
};

export function pruneArgs(words: Words): PruneArgs {
  const policy = policyOf(words);
  if (policy === undefined) throw noPolicy("prune");
  return { ...accessOf(words), onlyName: onlyNameOf(words), policy, dryRun: words.given("dry-run") };
}
