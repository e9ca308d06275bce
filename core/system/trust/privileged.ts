/** Finds out whether this process may do what other users may not. */
import { readFileSync } from "node:fs";

/** Returns the user of this process if it is root or has capabilities, as the unit of the user `backup` has; else undefined. */
export function privilegedUser(): number | undefined {
  const uid = process.geteuid?.() ?? 0;
  return uid === 0 || hasCapabilities() ? uid : undefined;
}

function hasCapabilities(): boolean {
  const [, effective = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
  return BigInt(`0x${effective}`) !== 0n;
}
