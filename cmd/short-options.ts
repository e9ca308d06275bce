/** Letters for options where custom has them, whichever subcommand has the option; and beginnings of long ones. */
import { exitStatus, Failure } from "../core/failure.ts";
import type { Option, Subcommand } from "./subcommand.ts";

/** By the long spelling. */
const letters: ReadonlyMap<string, string> = new Map([
  ["--dry-run", "-n"],
  ["--target", "-t"],
  ["--include", "-i"],
  ["--exclude", "-e"],
  ["--user", "-u"],
  ["--ambient-creds", "-c"],
]);

/** Returns the subcommand with the letters of its options. */
export function withLetters(subcommand: Subcommand): Subcommand {
  return { ...subcommand, options: subcommand.options.map(withLetter) };
}

function withLetter(option: Option): Option {
  const letter = letters.get(/^--[a-z0-9-]+/.exec(option.flag)?.[0] ?? "");
  return letter === undefined ? option : { ...option, flag: `${letter}, ${option.flag}` };
}

/**
 * Returns the long option that `typed` is the beginning of, as Python's argparse has it for s3-sysbackup; undefined if none is. Throws a
 * Failure if it is that of several. `spellings`: of the options of the subcommand.
 */
export function completed(typed: string, spellings: Iterable<string>): string | undefined {
  if (!/^--[a-z0-9]/.test(typed)) return undefined;
  const meant = [...new Set(spellings)].filter((spelling) => spelling.startsWith(typed));
  if (meant.length <= 1) return meant[0];
  throw new Failure({
    doing: "use option",
    what: typed,
    why: "it is the beginning of several",
    remedy: `write one of ${meant.join(", ")}`,
    exit: exitStatus.usage,
  });
}
