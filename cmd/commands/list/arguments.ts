/** The arguments of `sysbackup list`, parsed. */
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

export type ListArgs = Access & { /** All backup names where undefined. */ readonly of: string | undefined };

export function listArgs(words: Words): ListArgs {
  return { ...accessOf(words), of: words.operands[0] };
}
