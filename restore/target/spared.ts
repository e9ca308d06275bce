/** Finds the files of this program that no restore removes, by whatever names the target has them. */
import { realpath } from "node:fs/promises";
import { fromText } from "../../core/format/path.ts";
import { type Inode, lstat } from "../../core/system/filesystem/stat.ts";

/** Paths that are missing are left out. */
export async function sparedFiles(paths: readonly string[]): Promise<Inode[]> {
  const found = await Promise.all(paths.map(inodeOf));
  return found.filter((one) => one !== undefined);
}

async function inodeOf(path: string): Promise<Inode | undefined> {
  try {
    const { device, inode } = lstat(fromText(await realpath(path)));
    return { device, inode };
  } catch {
    return undefined;
  }
}
