/** The arguments of `sysbackup history`, parsed. */
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

export type HistoryArgs = Access & {
  /** As in the backups. */
  readonly path: string;
};

export function historyArgs(words: Words): HistoryArgs {
  const [path = ""] = words.operands;
  return { ...accessOf(words), path };
}
