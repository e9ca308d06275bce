/** Opens a folder whose path a user has given: links in it are followed if they are that user's own, or root's. */
import { constants } from "node:os";
import type { ByteString } from "../../format/path.ts";
import { fstat } from "../filesystem/stat.ts";
import { SystemError, systemError } from "../libc.ts";
import { openFolder, openRoot } from "./confined.ts";
import { close } from "./files.ts";
import { openHandle, readLinkOf } from "./handle.ts";

/** As the kernel: after so many links it is a loop. */
const mostLinks = 40;
const root = "/" as ByteString;
const itself = "" as ByteString;

/** A link of another user, who thereby chooses what is opened. */
export class StrangersLink extends SystemError {
  constructor(
    name: ByteString,
    readonly uid: number,
  ) {
    super({ code: "ELOOP", reason: "a link of another user lies on the way", call: "open" }, name);
  }
}

/** Opens an absolute path as `openRoot` does, to list it. Throws a `StrangersLink`, also if links are exchanged meanwhile. */
export function openThroughOwnLinks(path: ByteString): number {
  const us = process.geteuid?.() ?? 0;
  const names = path.split("/");
  let folder = openRoot(root, "pass");
  try {
    let links = 0;
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      if (name === "" || name === ".") continue;
      const next = openHandle(folder, name as ByteString);
      const { type, uid } = fstat(next);
      if (type !== "link") {
        folder = exchanged(folder, next);
        continue;
      }
      const target = closing(next, () => readLinkOf(next));
      if (uid !== 0 && uid !== us) throw new StrangersLink(name as ByteString, uid);
      links += 1;
      if (links > mostLinks) throw systemError(constants.errno.ELOOP, "open", path);
      if (target.startsWith("/")) folder = exchanged(folder, openRoot(root, "pass"));
      names.unshift(...target.split("/"));
    }
    return openFolder(folder, itself);
  } finally {
    close(folder);
  }
}

function exchanged(before: number, next: number): number {
  close(before);
  return next;
}

function closing<Result>(fd: number, action: () => Result): Result {
  try {
    return action();
  } finally {
    close(fd);
  }
}
