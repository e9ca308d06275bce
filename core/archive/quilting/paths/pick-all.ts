/** All paths that a run keeps: what the pickers print, resolved. */
import type { ByteString } from "../../../format/path.ts";
import type { Notify } from "../../../notice.ts";
import { close } from "../../../system/files.ts";
import { filesystemKind } from "../../../system/filesystems.ts";
import { openHandle, readLinkOf } from "../../../system/handle.ts";
import { OpenFolders } from "../../../system/open-folders.ts";
import { fstat, typeAt } from "../../../system/stat.ts";
import { type PickOptions, pickPaths } from "../pickers/pick.ts";
import { PathSet } from "./path-set.ts";
import { type Follow, type Lookup, Resolver } from "./resolve.ts";

export type PickAllOptions = PickOptions & {
  readonly notify: Notify;
  readonly follow: Follow;
  /** Numbers of users whose links on the way are followed with `picked`. */
  readonly trusted: ReadonlySet<number>;
};

/** The caller disposes of the set. */
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

/** Looks from the descriptor of a folder, which is reached through no link: each step is one that the resolver decides. */
export function lookupIn(folders: OpenFolders): Lookup {
  return {
    typeOf: (folder, name) => typeAt(folders.at(folder), name),
    readLink: (folder, name) => {
      const handle = openHandle(folders.at(folder), name);
      try {
        return { target: readLinkOf(handle), uid: fstat(handle).uid };
      } finally {
        close(handle);
      }
    },
    filesystemKind: (folder) => filesystemKind(folders.at(folder)),
  };
}
