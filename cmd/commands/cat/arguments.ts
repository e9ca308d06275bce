/** The arguments of `sysbackup cat`, parsed. */
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

export type CatArgs = Access & {
  /** Named as for restore. */
  readonly manifest: string;
  /** A path as in the backup, or the name of a database dump, which has no slash. */
  readonly wanted: string;
};

export function catArgs(words: Words): CatArgs {
  const [manifest = "", wanted = ""] = words.operands;
  return { ...accessOf(words), manifest, wanted };
}
