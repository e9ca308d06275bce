/** The arguments of `sysbackup prune`, parsed. */
import type { Policy } from "../../../core/steward/policy.ts";
import { type Access, accessOf } from "../../shared/access.ts";
import { namesOf, noPolicy, policyOf } from "../../shared/policy.ts";
import type { Words } from "../../subcommand.ts";

export type PruneArgs = Access & {
  /** Prunes backups of these names only; of all names if undefined. */
  readonly names: readonly string[] | undefined;
  readonly policy: Policy;
  /** Backup names and keys whose unreadable manifests hold nothing back. */
  readonly giveUp: readonly string[];
  readonly dryRun: boolean;
};

export function pruneArgs(words: Words): PruneArgs {
  const policy = policyOf(words);
  if (policy === undefined) throw noPolicy("prune");
  return { ...accessOf(words), names: namesOf(words), policy, giveUp: giveUpOf(words), dryRun: words.given("dry-run") };
}

/** Names and keys hold no commas. */
function giveUpOf(words: Words): string[] {
  const given = words.value("give-up");
  return given === undefined ? [] : given.split(",").map((one) => one.trim());
}
