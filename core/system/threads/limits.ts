/** What the kernel allows this process. */
import { readFileSync } from "node:fs";

/** Returns how many descriptors this process may have at once. */
export function descriptorLimit(): number {
  const [, most = ""] = /^Max open files +(\d+|unlimited) /m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return most === "unlimited" ? Number.POSITIVE_INFINITY : Number(most);
}

/** What a process may have for which no bound is too high. */
const plenty = 512;
/** Descriptors of the runtime, the bucket, and what is open for a moment. */
const ofRuntime = 28;
const leastShare = 2;

/** Returns a bound on descriptors that are held for one purpose: `most`, or a share of it if the process may have few. */
export function descriptorShare(most: number, limit = descriptorLimit()): number {
  if (limit >= plenty) return most;
  return Math.max(leastShare, Math.floor((most * Math.max(0, limit - ofRuntime)) / plenty));
}
