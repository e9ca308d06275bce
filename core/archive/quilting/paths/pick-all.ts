/** Collects all paths that a run keeps: those that the pickers print, resolved. */
import type { ByteString } from "../../../format/path.ts";
import type { Notify } from "../../../notice.ts";
import { OpenFolders } from "../../../system/open-folders.ts";
import { type PickOptions, pickPaths } from "../pickers/pick.ts";
import { lookupIn } from "./lookup.ts";
import { PathSet } from "./path-set.ts";
import { type Follow, Resolver } from "./resolve.ts";

export type PickAllOptions = PickOptions & {
  readonly notify: Notify;
  readonly follow: Follow;
  /** Numbers of the users whose links on the way are followed with `picked`. */
  readonly trusted: ReadonlySet<number>;
};

/** Runs the pickers and resolves their paths. The caller disposes of the set. */
export async function pickAll(options: PickAllOptions): Promise<PathSet> {
  const { follow, trusted, notify } = options;
  const paths = new PathSet();
  using folders = new OpenFolders();
  try {
    const record = (path: ByteString) => paths.add(path);
    const resolver = new Resolver({ lookup: lookupIn(folders), follow, trusted, record, notify });
    for await (const batch of pickPaths(options)) for (const path of batch) resolver.pick(path);
    return paths;
  } catch (error) {
    paths[Symbol.dispose]();
    throw error;
  }
}
