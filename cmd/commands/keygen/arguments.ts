/** The arguments of `sysbackup keygen`, parsed. */
import { resolve } from "node:path";
import type { Words } from "../../subcommand.ts";

export type KeygenArgs = {
  /** Absolute path of a folder that is not there. */
  readonly folder: string;
};

export function keygenArgs({ operands }: Words): KeygenArgs {
  return { folder: resolve(operands[0] ?? "") };
}
