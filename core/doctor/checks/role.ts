import { isBackupRole } from "../../aws/package.ts";
import type { Check } from "../check.ts";
import { good, note, warning } from "../finding.ts";
import { isFolder } from "../machine.ts";

const older =
  "the stack is of an earlier version: run sysbackup write-config again on each machine, then sysbackup update-resources";

/** Checks that the role can be assumed with the credentials. */
export const role: Check<"config" | "assumed" | "named"> = {
  name: "role",
  async look(machine) {
    const config = await machine.config();
    if (isFolder(config)) return [good("not needed: the bucket is a folder")];
    const { roleArn } = config.aws;
    if (roleArn === undefined) return [note("none set: the credentials are used directly")];
    const caller = await machine.assumed();
    const text = `assumed: ${caller ?? roleArn}`;
    if (!isBackupRole(roleArn) || (await machine.named())) return [good(text)];
    return [warning(`${text}, which lets every machine store under every name`, older)];
  },
};
