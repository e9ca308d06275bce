import { proveLock } from "../../archive/locks/lock-proof.ts";
import { isLockProven } from "../../archive/state/lock-proven.ts";
import { ofOwnState } from "../../archive/state/own-state.ts";
import { isDenied, throwIfFatal } from "../../bucket/fatal.ts";
import type { Config } from "../../config/config.ts";
import type { Check } from "../check.ts";
import { bad, good, type Look, warning } from "../finding.ts";
import { isFolder, type Machine, taskOf } from "../machine.ts";

/** Checks that the bucket locks objects. Stores a small one for that, unless an archive of this machine did. */
export const lock: Check<"config" | "bucket" | "lock" | "now"> = {
  name: "lock",
  async look(machine) {
    await machine.bucket();
    const config = await machine.config();
    const looks = [...(await settingsLooks(machine, isFolder(config))), ...(await expiryLooks(machine, config))];
    const isSound = looks.every(({ state }) => state !== "bad");
    const isProvable = isSound && !isFolder(config) && taskOf(config) === "backup";
    return isProvable ? [...looks, ...(await proofLooks(machine, config))] : looks;
  },
};

async function settingsLooks(machine: Pick<Machine, "lock">, folder: boolean): Promise<readonly Look[]> {
  try {
    const { objectLock, versioning } = await machine.lock();
    if (!objectLock) return [bad("the bucket has no Object Lock", "create another bucket, with Object Lock")];
    if (!versioning) return [bad("the bucket keeps no versions", "enable versioning of the bucket")];
    return [good(folder ? "kept by sysbackup itself; root can remove files" : "Object Lock and versioning enabled")];
  } catch (error) {
    if (!isDenied(error)) throw error;
    return [warning(`not known: ${error.parts.why}`, error.parts.remedy ?? "check the role's rights")];
  }
}

/** Says whether backups end by themselves. Nothing if they do not, or if the role may not ask. */
async function expiryLooks(machine: Pick<Machine, "bucket">, { bundles }: Config): Promise<readonly Look[]> {
  const bucket = await machine.bucket();
  const days = await bucket.expiryDays().catch((error: unknown) => void throwIfFatal(error));
  if (days === undefined) return [];
  const text = `the bucket removes what no lock holds, ${days} days after it was stored`;
  if (bundles.every(({ index }) => index !== "metadata")) return [good(`${text}: renew keeps more`)];
  return [warning(`${text}: then bundles are sent again`, "set index = state in their sections of conf")];
}

/** Nothing if a lock is proved. */
async function proofLooks(machine: Pick<Machine, "bucket" | "now">, config: Config): Promise<readonly Look[]> {
  const bucket = await machine.bucket();
  const mode = config.content.lockMode;
  if (ofOwnState(config, bucket.url, (database) => isLockProven(database, mode)) === true) return [];
  const start = later(machine.now(), bucket.serverTime());
  const doubt = await proveLock({ bucket, name: config.backup.name, mode, start });
  if (doubt === undefined) return [];
  return [warning(`not proved: ${doubt}`, "allow s3:GetObjectRetention to the role: run sysbackup update-resources")];
}

const later = (one: Date, other: Date | undefined): Date => (other !== undefined && other > one ? other : one);
