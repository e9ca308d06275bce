/** Finds who holds a run lock, in the kernel's list: trying to take the lock could keep out an archive that begins. */
import { readFile } from "node:fs/promises";
import { statOf } from "./stat-of.ts";

/** Number of a process that has the file under `flock`; undefined if there is none, or no such file. Throws as `statOf` does. */
export async function lockHolder(path: string): Promise<number | undefined> {
  const inode = (await statOf(path))?.ino;
  const locks = await readFile("/proc/locks", "utf8").catch(() => "");
  // `1: FLOCK  ADVISORY  WRITE 1234 fd:01:131090 0 EOF`; on some filesystems the device differs from stat's.
  for (const line of locks.split("\n")) {
    const [, process, lockedInode] = /^\d+: FLOCK +ADVISORY +WRITE (\d+) [^:]+:[^:]+:(\d+) /.exec(line) ?? [];
    if (lockedInode !== undefined && Number(lockedInode) === inode) return Number(process);
  }
  return undefined;
}
