/** Steps that bring files and folders onto the machine, as root. */
import { existsSync } from "node:fs";
import type { Command, Input } from "./command.ts";
import type { Step, Undo } from "./steps.ts";

export type Ownership = {
  /** Octal: `0640`. */
  readonly mode: string;
  /** Names or numbers. */
  readonly owner: string;
  readonly group: string;
};

export const ofRoot = { owner: "root", group: "root" } as const;

export type NewFile = Ownership & {
  readonly path: string;
  readonly content: Input;
  /** What the undo puts back; undefined where there was no such file. */
  readonly before: string | undefined;
};

/**
 * The file appears by rename, whole, and `install` makes it closed to all but root until it has its owner and mode: at no time
 * can anybody read of it whom these do not let.
 */
export function fileStep(file: NewFile): Step {
  const { path, content } = file;
  return { does: `write ${content.name} to ${path}`, commands: replacing(file, content), undo: puttingBack(file) };
}

/** What was there before comes back, in the same way. */
export function puttingBack(file: Omit<NewFile, "content">): Undo {
  const { path, before } = file;
  const fresh = `${path}.new`;
  const run = async () => existsSync(path) || existsSync(fresh);
  if (before === undefined) {
    return { does: `remove ${path}`, commands: [{ words: ["rm", "--force", "--", path, fresh] }], run };
  }
  const input = { name: "what was in it before", text: () => before };
  return { does: `put back ${path}`, commands: replacing(file, input), run };
}

function replacing({ path, mode, owner, group }: Omit<NewFile, "content">, input: Input): Command[] {
  const fresh = `${path}.new`;
  const ownership = [`--mode=${mode}`, `--owner=${owner}`, `--group=${group}`];
  return [
    { words: ["install", "--no-target-directory", ...ownership, "/dev/stdin", fresh], input },
    { words: ["mv", "--force", "--no-target-directory", fresh, path] },
  ];
}

/** No step where the folder is there: its mode is the administrator's. */
export function folderSteps(path: string, { mode, owner, group }: Ownership): Step[] {
  if (existsSync(path)) return [];
  const ownership = [`--mode=${mode}`, `--owner=${owner}`, `--group=${group}`];
  return [{ does: `create the folder ${path}`, commands: [{ words: ["install", "--directory", ...ownership, path] }] }];
}
