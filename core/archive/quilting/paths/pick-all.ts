/** All paths that a run keeps: what the pickers print, resolved. */
import type { Notify } from "../../../notice.ts";
import { filesystemKind } from "../../../system/filesystems.ts";
import { lstat, readLink } from "../../../system/stat.ts";
import { type PickOptions, pickPaths } from "../pickers/pick.ts";
import { PathSet } from "./path-set.ts";
import { Resolver } from "./resolve.ts";

/** The caller disposes of the set. */
export async function pickAll(options: PickOptions & { readonly notify: Notify }): Promise<PathSet> {
  const paths = new PathSet();
  try {
    const resolver = new Resolver({ lstat, readLink, filesystemKind }, (path) => paths.add(path), options.notify);
    for await (const batch of pickPaths(options)) for (const path of batch) resolver.pick(path);
    return paths;
  } catch (error) {
    paths[Symbol.dispose]();
    throw error;
  }
}
