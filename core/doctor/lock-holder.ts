/** Who holds a run lock: read from the kernel's list, for whoever tried to take it could keep out an archive that begins. */
import { readFile } from "node:fs/promises";
import { statOf } from "./stat-of.ts";

/** Number of a process that has the file under `flock`; undefined where there is none, or no such file. Errors as of `statOf`. */
export async function lockHolder(path: string): Promise<number | undefined> {
  const inode = (await statOf(path))?.ino;
  const locks = await readFile("/proc/locks", "utf8").catch(() => "");
  // `1: FLOCK  ADVISORY  WRITE 1234 fd:01:131090 0 EOF`; on some filesystems the device is another than stat's.
  for (const line of locks.split("\n")) {
    const [, process, of] = /^\d+: FLOCK +ADVISORY +WRITE (\d+) [^:]+:[^:]+:(\d+) /.exec(line) ?? [];
    if (of !== undefined && Number(of) === inode) return Number(process);
  }
  return undefined;
}
