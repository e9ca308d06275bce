/** Finds and parses the project's TypeScript files, for the checks of this folder. */
import { join } from "node:path";
import { Glob } from "bun";
import { type Program, parseSync } from "oxc-parser";

/** `path` is relative to the checkout's root. */
export type SourceFile = { readonly path: string; readonly program: Program };

/** What users run: tests and lint are not part of it. */
export const product = ["cmd", "core", "restore"] as const;

export const checkout = join(import.meta.dir, "..");

/** Gives the files of `folders` in order of path. Throws at a syntax error: a file that no check can read passes none. */
export async function readSources(root: string, folders: readonly string[]): Promise<SourceFile[]> {
  const paths = folders.flatMap((folder) => [...new Glob(`${folder}/**/*.ts`).scanSync({ cwd: root })]).sort();
  return Promise.all(paths.map(async (path) => parse(path, await Bun.file(join(root, path)).text())));
}

export function parse(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text);
  const [error] = errors;
  if (error) throw new Error(`cannot parse "${path}": ${error.message}`);
  return { path, program };
}
