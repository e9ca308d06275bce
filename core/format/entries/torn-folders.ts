/**
 * Folders whose content does not follow them at once: in byte order, `a-b` comes between `a` and `a/c`. GNU tar sets the times of
 * a folder when the next member is none of it, and what is extracted into it later changes them. So such a folder comes a second time,
 * behind its content.
 */

import type { ByteString } from "../path.ts";
import type { HeadEntry } from "./entry-json.ts";

type MemberFolder = { readonly entry: HeadEntry; readonly inside: string; torn: boolean; entered: boolean };

export class TornFolders {
  /** The path of each begins the next one's, and the current one. So how a path lies to the last says how it lies to the others. */
  readonly #open: MemberFolder[] = [];

  /** Returns the folders that are to come again before `path`. Paths come in byte order. */
  before(path: ByteString): HeadEntry[] {
    const over: HeadEntry[] = [];
    for (let folder = this.#open.at(-1); folder !== undefined; folder = this.#open.at(-1)) {
      if (path.startsWith(folder.inside)) {
        folder.entered = true;
        break;
      }
      if (path.startsWith(folder.entry.path) && path < folder.inside) {
        folder.torn = true;
        break;
      }
      if (folder.torn && folder.entered) over.push(folder.entry);
      this.#open.pop();
    }
    return over;
  }

  /** Takes a member. */
  add(entry: HeadEntry): void {
    if (entry.type !== "folder") return;
    const inside = entry.path === "/" ? entry.path : `${entry.path}/`;
    this.#open.push({ entry, inside, torn: false, entered: false });
  }

  /** Returns the folders that are to come again at the end. */
  rest(): HeadEntry[] {
    return this.#open.flatMap(({ torn, entered, entry }) => (torn && entered ? [entry] : [])).toReversed();
  }
}
