/** What the kernel allows this process. */
import { readFileSync } from "node:fs";

/** Returns how many descriptors this process may have at once. */
export function descriptorLimit(): number {
  const [, most = ""] = /^Max open files +(\d+|unlimited) /m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  return most === "unlimited" ? Number.POSITIVE_INFINITY : Number(most);
}
