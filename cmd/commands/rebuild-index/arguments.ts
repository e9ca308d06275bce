/** The arguments of `sysbackup rebuild-index`, parsed. */
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

export type RebuildIndexArgs = Access & {
  readonly dryRun: boolean;
  /** Believes the tables of contents of packs. */
  readonly trustTables: boolean;
};

export function rebuildIndexArgs(words: Words): RebuildIndexArgs {
  return { ...accessOf(words), dryRun: words.given("dry-run"), trustTables: words.given("tables-only") };
}
