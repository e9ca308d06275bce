/** The arguments of `sysbackup diff`, parsed. */
import { exitStatus, Failure } from "../../../core/failure.ts";
import { type Access, accessOf } from "../../shared/access.ts";
import type { Words } from "../../subcommand.ts";

export type DiffArgs = Access & {
  /** Named as for restore. */
  readonly before: string;
  /** Another backup; this machine's files if undefined. */
  readonly after: string | undefined;
};

export function diffArgs(words: Words): DiffArgs {
  const [before = "", after] = words.operands;
  const live = words.given("live");
  if (live === (after !== undefined)) throw notOneOfTwo(live);
  return { ...accessOf(words), before, after };
}

function notOneOfTwo(live: boolean): Failure {
  return new Failure({
    doing: "compare",
    why: live ? "--live compares with this machine's files, not with another backup" : "only one backup is given",
    remedy: live ? "leave out --live or the second backup" : "give another one, or --live for this machine's files",
    exit: exitStatus.usage,
  });
}
