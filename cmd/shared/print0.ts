/** The option of subcommands that list paths. */
import { exitStatus, Failure } from "../../core/failure.ts";
import { type ByteString, toBytes } from "../../core/format/path.ts";
import type { CommandIO } from "../io.ts";
import type { Option } from "../subcommand.ts";

export const print0Option: Option = {
  flag: "--print0",
  help: "Print the paths only, as bytes, each ended by a NUL byte",
};

/** Writes a path as its bytes, for `xargs -0` and the like. */
export function printPath(path: ByteString, { outBytes }: CommandIO): void {
  outBytes(Buffer.concat([toBytes(path), Buffer.of(0)]));
}

/** Refuses two ways of printing at once. `others`: options that say how to print, and whether each was given. */
export function checkPrint0(print0: boolean, others: Readonly<Record<string, boolean>>): void {
  const other = print0 ? Object.keys(others).find((flag) => others[flag]) : undefined;
  if (other === undefined) return;
  throw new Failure({
    doing: `use --print0 and ${other} together`,
    why: "--print0 prints paths and nothing else",
    remedy: "leave out one of them",
    exit: exitStatus.usage,
  });
}
