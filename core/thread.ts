/** Starting points of threads. */

/**
 * Returns what a worker starts from. `path` begins at the root of the project. In the compiled program all files are one: those that
 * `package.json` names in `build` are in it under their paths. Never a relative path: if the program does not have it, that would be
 * looked for in the working folder.
 */
export function threadAt(path: string): URL {
  const isCompiled = import.meta.url.startsWith("file:///$bunfs/");
  return isCompiled
    ? new URL(`file:///$bunfs/root/${path.replace(/\.ts$/, ".js")}`)
    : new URL(`../${path}`, import.meta.url);
}
