import { statePath } from "../../archive/state/database.ts";
import { openStateFile } from "../../archive/state/open-state.ts";
import { isVanished, vanishedRemedy, vanishedText } from "../../archive/state/vanished-bucket.ts";
import type { Bucket } from "../../bucket/contract.ts";
import type { Config } from "../../config/config.ts";
import type { Check } from "../check.ts";
import { bad, good } from "../finding.ts";
import { statOf } from "../stat-of.ts";

/** Checks that the bucket answers, and lets the role list its index; of one in a directory, that its disk is mounted. */
export const bucket: Check<"bucket" | "config"> = {
  name: "bucket",
  async look(machine) {
    const found = await machine.bucket();
    if (await isUnmounted(found, await machine.config())) return [bad(`${found.url}: ${vanishedText}`, vanishedRemedy)];
    return [good(`${found.url} answers`)];
  },
};

/** What cannot be looked at is for the check of the state. */
async function isUnmounted(found: Bucket, { backup }: Config): Promise<boolean> {
  const path = statePath(backup.stateDir, backup.name);
  if (!found.url.startsWith("file:") || (await statOf(path).catch(() => undefined)) === undefined) return false;
  try {
    using database = openStateFile(path);
    return await isVanished(found, database);
  } catch {
    return false;
  }
}
