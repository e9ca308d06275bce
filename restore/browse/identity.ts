/** Says when two backups name the same part, so that it is read once. */
import type { PartRef } from "../../core/format/manifest.ts";

/** The same for parts that hold the same, and of which the roots say the same. */
export function identityOf({ sha256, first, entries }: PartRef): string {
  return JSON.stringify([sha256, first, entries]);
}

/** As `identityOf`, for one that is lost: another version of it may be whole. */
export function lostIdentityOf(part: PartRef): string {
  return JSON.stringify([identityOf(part), part.key, part.version]);
}
