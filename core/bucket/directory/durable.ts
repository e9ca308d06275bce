/** Writing files so that they survive a crash: bytes first, then the name, then the folder that holds the name. */

import { type FileHandle, mkdir, open, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf } from "../../failure.ts";
import { readRegular } from "../../system/files/regular-file.ts";
import type { SendPace } from "../contract.ts";
import { slices } from "../slices.ts";

/** Backups hold what only root may read on the machine: nobody but their owner sees them, whatever the umask. */
export const privateFile = 0o600;
export const privateFolder = 0o700;

/** Writes all of `bytes` at `position`: one call may write less than asked. */
export async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}

/** Writes all of `bytes` at `position`, as fast as `pace` allows. */
export async function writePaced(
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
  pace: SendPace | undefined,
): Promise<void> {
  if (pace === undefined) return writeAt(file, bytes, position);
  let written = position;
  for (const slice of slices(bytes)) {
    await pace(slice.byteLength);
    await writeAt(file, slice, written);
    written += slice.byteLength;
  }
}

/** A new file with these bytes, synced. Leaves none behind when it fails. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx", privateFile);
  try {
    await writeAt(file, bytes, 0);
    await file.sync();
  } catch (error) {
    await unlinkIfThere(path);
    throw error;
  } finally {
    await file.close();
  }
}

export async function unlinkIfThere(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** Returns whether there is nothing under the name. */
export const isAbsent = (error: unknown): boolean =>
  ["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(codeOf(error) ?? "");

/** Throws an `UnreadableKind` for what is no regular file of up to `most` bytes. */
export async function readIfThere(path: string, most: number): Promise<string | undefined> {
  try {
    return (await readRegular(path, most)).toString();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

export async function sizeIfThere(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Claims a free name by making an empty file; false if it is taken. Atomic, also over NFS and on FAT. */
export async function claim(path: string): Promise<boolean> {
  try {
    await (await open(path, "wx", privateFile)).close();
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Some network and FUSE file systems cannot sync a folder; they order names themselves. */
const cannotSync = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "EBADF", "EISDIR"]);

/**
 * Syncs folders, one sync at a time each. Calls during a sync share the next one, so that many small puts into one folder
 * do not wait for one sync each.
 */
export class FolderSync {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  /** Resolves when every name made in the folder before the call is on disk. */
  sync(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (running === undefined) return this.#start(folder);
    const shared = this.#next.get(folder);
    if (shared !== undefined) return shared;
    const next = running
      .catch(() => undefined)
      .then(() => {
        this.#next.delete(folder);
        return this.#start(folder);
      });
    this.#next.set(folder, next);
    return next;
  }

  #start(folder: string): Promise<void> {
    const run = syncFolder(folder).finally(() => {
      if (this.#running.get(folder) === run) this.#running.delete(folder);
    });
    this.#running.set(folder, run);
    return run;
  }

  /** Makes `folder` and those above it, below `root` only: a root that is gone (a disk unmounted) is not made again. */
  async makeFolders(root: string, folder: string): Promise<void> {
    let path = root;
    for (const name of folder.split("/")) {
      if (name === "") continue;
      path = join(path, name);
      try {
        await mkdir(path, privateFolder);
        await this.sync(dirname(path));
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
    }
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } catch (error) {
    if (!cannotSync.has(codeOf(error) ?? "")) throw error;
  } finally {
    await folder.close();
  }
}
