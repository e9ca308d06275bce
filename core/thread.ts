/** Starting points of threads. */

/**
 * Returns what a worker starts from. `path` begins at the root of the project. In the compiled program all files are one: those that
 * `package.json` names in `build` are in it under their paths.
 */
export function threadAt(path: string): URL | string {
  return import.meta.url.startsWith("file:///$bunfs/") ? `./${path}` : new URL(`../${path}`, import.meta.url);
}
