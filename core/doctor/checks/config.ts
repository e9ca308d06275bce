import { join } from "node:path";
import type { Check } from "../check.ts";
import { bad, good } from "../finding.ts";
import { ownerTrouble } from "../owner-trouble.ts";

/** Checks that `conf` is there and valid, that the user who archives can read it, and that only root and that user can change it. */
export const config: Check<"confDir" | "config" | "runner"> = {
  name: "config",
  async look(machine) {
    const file = join(machine.confDir, "conf");
    const { backup, s3, cloudformation } = await machine.config();
    const bucket = s3.bucket ?? `of the CloudFormation export ${JSON.stringify(cloudformation.export)}`;
    const reader = await machine.runner().catch(() => undefined);
    if (reader?.readsAll === false && (await reader.may?.("read", file)) === false) {
      return [bad(`${JSON.stringify(file)} cannot be read by ${reader.name}`, `chown root:${reader.name}, chmod 640`)];
    }
    const trouble =
      reader === undefined ? [] : await Promise.all([machine.confDir, file].map((path) => ownerTrouble(path, reader)));
    if (trouble.flat().length > 0) return trouble.flat();
    return [good(`${JSON.stringify(file)} read: backup name ${backup.name}, bucket ${bucket}`)];
  },
};
