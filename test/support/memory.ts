/** Where temporary files of tests are quick: nothing of them is to outlive a crash. */
import { accessSync, constants, readFileSync, statfsSync } from "node:fs";
import { release } from "node:os";

const folder = "/dev/shm";
const enoughBytes = 2 * 1024 ** 3;

/** A folder in memory, or undefined. Containers often have a small one, without programs. */
export function folderInMemory(): string | undefined {
  try {
    const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
    const [, , type, options = ""] = mounts.map((line) => line.split(" ")).find(([, at]) => at === folder) ?? [];
    if (type !== "tmpfs" || options.split(",").includes("noexec") || !hasXattrs()) return undefined;
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize < enoughBytes) return undefined;
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    return undefined;
  }
}

/** tmpfs has user.* attributes since Linux 6.6. */
function hasXattrs(): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 6);
}
