import { BucketError } from "../../bucket/contract.ts";
import type { Check } from "../check.ts";
import { bad, good, warning } from "../finding.ts";
import { isFolder } from "../machine.ts";

/** Checks that the bucket can lock objects, and overwrites nothing. */
export const lock: Check<"config" | "bucket" | "lock"> = {
  name: "lock",
  async look(machine) {
    await machine.bucket();
    try {
      const { objectLock, versioning } = await machine.lock();
      if (!objectLock) return [bad("the bucket has no Object Lock", "create another bucket, with Object Lock")];
      if (!versioning) return [bad("the bucket keeps no versions", "enable versioning of the bucket")];
      const folder = isFolder(await machine.config());
      return [good(folder ? "kept by sysbackup itself; root can remove files" : "Object Lock and versioning enabled")];
    } catch (error) {
      if (!(error instanceof BucketError) || error.kind !== "denied") throw error;
      return [warning(`not known: ${error.parts.why}`, error.parts.remedy ?? "check the role's rights")];
    }
  },
};
