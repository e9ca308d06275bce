/** What memory this process may take, by what the kernel says. */
import { readFileSync } from "node:fs";

/**
 * Returns the bytes that are free for programs on this machine, or the lowest limit of the control groups that this process is in, if
 * that is lower. Undefined if the kernel says nothing of either.
 */
export function memoryForUs(read: (path: string) => string | undefined = readIfThere): number | undefined {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(read("/proc/meminfo") ?? "")?.[1];
  const machine = kibibytes === undefined ? [] : [Number(kibibytes) * 1024];
  const limits = limitFiles(read("/proc/self/cgroup") ?? "").flatMap((path) => numbersIn(read(path)));
  const known = [...machine, ...limits];
  return known.length === 0 ? undefined : Math.min(...known);
}

/**
 * Returns where the limits of our groups are, of the groups above them too. A container sees its own group as the root of the hierarchy,
 * whatever path `cgroup` has. Lines are as in cgroups(7): number, controllers (none in version 2), path.
 */
function limitFiles(cgroup: string): string[] {
  return cgroup.split("\n").flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (controllers === "") return groupsAbove(path).flatMap((group) => limitsOf(`/sys/fs/cgroup${group}`));
    if (controllers?.split(",").includes("memory") !== true) return [];
    return groupsAbove(path).map((group) => `/sys/fs/cgroup/memory${group}/memory.limit_in_bytes`);
  });
}

/** Above `high`, which is `MemoryHigh=` of systemd, the kernel slows a group down until it needs less. */
const limitsOf = (group: string): string[] => [`${group}/memory.max`, `${group}/memory.high`];

/** Returns a group and those above it, without a slash at the end. */
function groupsAbove(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "");
  return Array.from({ length: names.length + 1 }, (_, above) =>
    names
      .slice(0, above)
      .map((name) => `/${name}`)
      .join(""),
  );
}

/** A group without a limit says `max`, or in version 1 a number that no machine has. */
function numbersIn(limit: string | undefined): number[] {
  return limit !== undefined && /^\d+\n?$/.test(limit) ? [Number(limit)] : [];
}

/** Reads at once, since these are no files on a disk. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(Buffer.from(path, "latin1"), "latin1");
  } catch {
    return undefined;
  }
}
