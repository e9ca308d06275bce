/** Answers the resolver's questions about files, by descriptors. */
import { closeRead } from "../../../system/files/files.ts";
import { openHandle, readLinkOf } from "../../../system/files/handle.ts";
import type { OpenFolders } from "../../../system/files/open-folders.ts";
import { filesystemKind } from "../../../system/filesystem/filesystems.ts";
import { fstat, lstatAt, type Stat } from "../../../system/filesystem/stat.ts";
import type { Lookup } from "./resolve.ts";

/** Looks from the descriptor of a folder that is reached through no link: the resolver alone decides which links are followed. */
export function lookupIn(folders: OpenFolders): Lookup<Stat> {
  return {
    look: (folder, name) => lstatAt(folders.at(folder), name),
    readLink: (folder, name) => {
      const handle = openHandle(folders.at(folder), name);
      try {
        return { target: readLinkOf(handle), uid: fstat(handle).uid };
      } finally {
        closeRead(handle);
      }
    },
    filesystemKind: (folder) => filesystemKind(folders.at(folder)),
  };
}
