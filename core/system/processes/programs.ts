/**
 * Finds programs that are started by name: age, systemctl, stty.
 *
 * Bun searches relative elements of PATH, and `bun run` prepends `node_modules/.bin` of every folder above the checkout.
 * Other users may write into both.
 *
 * Bun.which and Bun.spawn search the PATH with which the process began, whatever `process.env.PATH` says by then: pass them
 * one explicitly. Lint forbids Bun.which elsewhere.
 */
import { isAbsolute } from "node:path";

/** @internal */
export const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Drops relative and empty elements and folders of JavaScript packages; the usual PATH if nothing is left. */
export function soundPath(path: string | undefined): string {
  const sound = (path ?? "").split(":").filter((folder) => isAbsolute(folder) && !isOfPackages(folder));
  return sound.length > 0 ? sound.join(":") : usualPath;
}

function isOfPackages(folder: string): boolean {
  return /\/node_modules\/+\.bin\/*$/.test(folder);
}

/** Absolute path of a program; undefined if it is not installed. */
export function which(program: string): string | undefined {
  return Bun.which(program, { PATH: soundPath(process.env.PATH) }) ?? undefined;
}
