/** The arguments of `sysbackup ls`, parsed. */
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

export type LsArgs = Access & {
  /** Named as for restore. */
  readonly manifest: string;
  /** As in the backup. */
  readonly path: string;
  readonly long: boolean;
  readonly recursive: boolean;
  readonly print0: boolean;
};

export function lsArgs(words: Words): LsArgs {
  const [manifest = "", path = "/"] = words.operands;
  return {
    ...accessOf(words),
    manifest,
    path,
    long: words.given("long"),
    recursive: words.given("recursive"),
    print0: words.given("print0"),
  };
}
