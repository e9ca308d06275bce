/** The arguments of `sysbackup show`, parsed. */
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

export type ShowArgs = Access & {
  /** Named as for restore. */
  readonly manifest: string;
};

export function showArgs(words: Words): ShowArgs {
  const [manifest = ""] = words.operands;
  return { ...accessOf(words), manifest };
}
