/** How long thawing takes, in words. */
import type { ArchiveTier, ThawSpeed } from "../../core/format/storage-class.ts";
import { hoursToThaw } from "../../restore/thaw/speeds.ts";
import { counted } from "../terminal/format.ts";

export function thawTime(tiers: readonly ArchiveTier[], speed: ThawSpeed): string {
  const hours = hoursToThaw(tiers, speed);
  if (hours === undefined) return "an unknown time";
  return hours < 1 ? counted(Math.round(hours * 60), "minute") : counted(hours, "hour");
}
