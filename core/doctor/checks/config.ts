import { join } from "node:path";
import type { Check } from "../check.ts";
import { bad, good } from "../finding.ts";

/** `conf` is there, sound, and readable by the user who archives. */
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
    return [good(`${JSON.stringify(file)} read: backup name ${backup.name}, bucket ${bucket}`)];
  },
};
