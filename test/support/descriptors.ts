/** Descriptors of this process. All of them cannot be counted: those of Bun, and of tests before, come and go meanwhile. */
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** Returns where descriptors lead to that are open at a path, or beneath it. */
export function openBeneath(path: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const place = readlinkSync(join("/proc/self/fd", fd));
      return place === path || place.startsWith(`${path}/`) ? place : [];
    } catch {
      // That of the listing itself.
      return [];
    }
  });
}
