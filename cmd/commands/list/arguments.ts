/** The arguments of `sysbackup list`, parsed. */
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

export type ListArgs = Access & {
  /** Shows backups of this name only; of all names if undefined. */
  readonly onlyName: string | undefined;
};

export function listArgs(words: Words): ListArgs {
  return { ...accessOf(words), onlyName: words.operands[0] };
}
