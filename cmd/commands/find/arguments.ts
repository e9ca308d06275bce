/** The arguments of `sysbackup find`, parsed. */
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

export type FindArgs = Access & {
  readonly pattern: string;
  /** Named as for restore; all backups of the configured name if undefined. */
  readonly manifest: string | undefined;
  /** Searches the backups of every name. */
  readonly all: boolean;
  readonly print0: boolean;
};

export function findArgs(words: Words): FindArgs {
  const [pattern = "", manifest] = words.operands;
  return { ...accessOf(words), pattern, manifest, all: words.given("all"), print0: words.given("print0") };
}
