/** How subcommands look for the backup that a user means. */
import type { Bucket } from "../../core/bucket/contract.ts";
import type { FindTools, Found } from "../../core/manifest/find.ts";
import type { CommandIO } from "../io.ts";

/** Dates are judged by the server's clock; this machine's counts only before the first answer. */
export function finding(bucket: Pick<Bucket, "serverTime">, { now, notify }: CommandIO): FindTools {
  return { now: () => bucket.serverTime() ?? now(), notify };
}

/** Returns whether nothing that was stored later may be a newer backup. What only states wrong dates can be used, and was shown. */
export function isSurelyNewest(found: Found): boolean {
  if ("file" in found) return true;
  return (found.passedOver ?? []).every(({ kind }) => kind === "dates" || kind === "foreign");
}
