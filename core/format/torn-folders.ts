/**
 * Folders whose content does not follow them at once: in byte order, `a-b` comes between `a` and `a/c`. GNU tar sets the times of
 * a folder when the next member is none of it, and what is extracted into it later changes them. So such a folder comes a second time,
 * behind its content.
 */
import type { HeadEntry } from "./entry-json.ts";
import type { ByteString } from "./path.ts";

type MemberFolder = { readonly entry: HeadEntry; torn: boolean; entered: boolean };

export class TornFolders {
  /** The path of each begins the current one. */
  #open: MemberFolder[] = [];

  /** Returns the folders that are to come again before `path`. */
  before(path: ByteString): HeadEntry[] {
    const over: HeadEntry[] = [];
    const open: MemberFolder[] = [];
    for (const folder of this.#open) {
      const { path: own } = folder.entry;
      const inside = own === "/" ? "/" : `${own}/`;
      if (path.startsWith(inside)) folder.entered = true;
      else if (path.startsWith(own) && path < inside) folder.torn = true;
      else {
        if (folder.torn && folder.entered) over.unshift(folder.entry);
        continue;
      }
      open.push(folder);
    }
    this.#open = open;
    return over;
  }

  /** Takes a member. */
  add(entry: HeadEntry): void {
    if (entry.type === "folder") this.#open.push({ entry, torn: false, entered: false });
  }

  /** Returns the folders that are to come again at the end. */
  rest(): HeadEntry[] {
    return this.#open.flatMap(({ torn, entered, entry }) => (torn && entered ? [entry] : [])).toReversed();
  }
}
