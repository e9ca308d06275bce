import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import type { Check } from "../check.ts";
import { bad, good, type Look } from "../finding.ts";
import { isFolder } from "../machine.ts";
import type { Runner } from "../runner.ts";

/** Keys are there, known to the server, and nobody else can read them. */
export const credentials: Check<"config" | "caller" | "runner"> = {
  name: "credentials",
  async look(machine) {
    const config = await machine.config();
    if (isFolder(config)) return [good("none needed: the bucket is a folder")];
    const runner = await machine.runner().catch(() => undefined);
    const trouble = await fileTrouble(config, runner);
    const caller = await machine.caller();
    const whose =
      caller === undefined
        ? "there; this server does not tell whose they are, the bucket shows whether they are right"
        : `of ${caller}`;
    return [...trouble, ...(trouble.length === 0 ? [good(whose)] : [])];
  },
};

async function fileTrouble(config: Config, runner: Runner | undefined): Promise<Look[]> {
  const file = fileOf(config);
  const stats = await stat(file).catch(() => undefined);
  if (stats === undefined) return [];
  const quoted = JSON.stringify(file);
  if ((stats.mode & 0o007) !== 0) {
    return [bad(`${quoted} is open to every user of this machine`, `chmod o= ${quoted}, and replace the keys in it`)];
  }
  if (runner?.readsAll === false && (await runner.may?.("read", file)) === false) {
    return [bad(`${quoted} cannot be read by ${runner.name}`, `chown root:${runner.name} ${quoted}, chmod 640`)];
  }
  return [];
}

function fileOf({ aws }: Config): string {
  return aws.credentialsFile ?? process.env.AWS_SHARED_CREDENTIALS_FILE ?? join(homedir(), ".aws/credentials");
}
