import { homedir } from "node:os";
import { join } from "node:path";
import { credentialsFileOf } from "../../aws/credentials.ts";
import type { Check } from "../check.ts";
import { bad, good } from "../finding.ts";
import { isFolder } from "../machine.ts";
import { statOf } from "../stat-of.ts";

/** Checks that only root and the service can read the keys. The next check tests the keys themselves. */
export const keyFile: Check<"config" | "runner"> = {
  name: "key file",
  async look(machine) {
    const config = await machine.config();
    if (isFolder(config)) return [good("not needed: the bucket is a folder")];
    const file = credentialsFileOf(config) ?? usualFile();
    const stats = await statOf(file);
    const quoted = JSON.stringify(file);
    if (stats === undefined) return [good(`there is no ${quoted}`)];
    if ((stats.mode & 0o007) !== 0) {
      return [bad(`${quoted} is open to every user of this machine`, `chmod o= ${quoted}, and replace the keys in it`)];
    }
    const { name, readsAll, may } = await machine.runner();
    if (!readsAll && (await may?.("read", file)) === false) {
      return [bad(`${quoted} cannot be read by ${name}`, `chown root:${name} ${quoted}, and chmod 640`)];
    }
    return [good(`${quoted} is closed to other users`)];
  },
};

function usualFile(): string {
  return process.env.AWS_SHARED_CREDENTIALS_FILE ?? join(homedir(), ".aws/credentials");
}
