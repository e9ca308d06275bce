import type { Check } from "../check.ts";
import { good, note } from "../finding.ts";
import { isFolder } from "../machine.ts";

/** Checks that the role can be assumed with the credentials. */
export const role: Check<"config" | "assumed"> = {
  name: "role",
  async look(machine) {
    const config = await machine.config();
    if (isFolder(config)) return [good("not needed: the bucket is a folder")];
    const { roleArn } = config.aws;
    if (roleArn === undefined) return [note("none set: the credentials are used directly")];
    const caller = await machine.assumed();
    return [good(`assumed: ${caller ?? roleArn}`)];
  },
};
