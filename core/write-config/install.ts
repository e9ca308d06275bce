/** Plans the steps that install files and folders as root. */
import { existsSync } from "node:fs";
import type { Command, Input } from "./command.ts";
import type { Step, Undo } from "./steps.ts";

export type Ownership = {
  /** Octal mode: `0640`. */
  readonly mode: string;
  /** Name or number, like `group`. */
  readonly owner: string;
  readonly group: string;
};

export const ofRoot = { owner: "root", group: "root" } as const;

export type NewFile = Ownership & {
  readonly path: string;
  readonly content: Input;
  /** The text that the undo puts back; undefined if there was no such file. */
  readonly before: string | undefined;
};

/**
 * A step that writes a file. It appears complete, by rename, and `install` keeps it closed to all but root until it has its
 * owner and mode: nobody else can read it at any time.
 */
export function fileStep(file: NewFile): Step {
  const { path, content } = file;
  return { does: `write ${content.name} to ${path}`, commands: replacing(file, content), undo: puttingBack(file) };
}

/** An undo that puts back the former file, in the same way. */
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

/** Steps that create a folder. None if it exists: its mode is then the administrator's choice. */
export function folderSteps(path: string, { mode, owner, group }: Ownership): Step[] {
  if (existsSync(path)) return [];
  const ownership = [`--mode=${mode}`, `--owner=${owner}`, `--group=${group}`];
  return [{ does: `create the folder ${path}`, commands: [{ words: ["install", "--directory", ...ownership, path] }] }];
}
