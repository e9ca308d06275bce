/** Says when two backups name the same part, so that it is read once. */
import type { PartRef } from "../../core/format/manifest/manifest.ts";
import type { PathStretch } from "../../core/manifest/read.ts";

/** Returns the same text for parts that hold the same, and of which the roots say the same. */
export function identityOf({ sha256, first, entries }: PartRef): string {
  return JSON.stringify([sha256, first, entries]);
}

/**
 * As `identityOf`, for one that is lost: another version of it may be whole, and the loss may be the fault of one root that lies about it.
 * So it is the same only if another root says the same of it.
 */
export function lostIdentityOf({ part, next }: PathStretch): string {
  return JSON.stringify([part, next]);
}
