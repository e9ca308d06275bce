/** A file that lies in the place of one to be restored. */
import type { FileEntry } from "../../core/format/entries/entry.ts";
import { sameMoment } from "../../core/format/entries/moment.ts";
import type { Stat } from "../../core/system/filesystem/stat.ts";

/** A file that is in the place of one to be restored. `isRight`: all but its content is as it should be. */
export type ExistingFile = { readonly fd: number; readonly found: Stat; readonly isRight: boolean };

/** Returns false for a file with other names, which give access to it, unless the backup has several names for it, too. */
export function couldBe(entry: FileEntry, found: Stat): boolean {
  return found.type === "file" && found.size === entry.size && (found.links === 1 || entry.hardLink !== undefined);
}

/** Returns whether a file is unchanged since: a change of content, owner, mode or links shows in the ctime. */
export function isUntouched(before: Stat, { changed }: Stat): boolean {
  return sameMoment(changed, before.changed);
}
