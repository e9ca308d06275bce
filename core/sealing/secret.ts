/** The secret that names chunks in sealed backups: on the machines that share content, and nowhere else. */
import { exitStatus, Failure } from "../failure.ts";
import { type Keyed, keyedBy, shortestSecret } from "../format/codecs/keyed.ts";
import { readKeyfile } from "../system/trust/keyfile.ts";

/** Throws a Failure for a file that is missing, that others can read, or that is too short. `sealedFor`: as `keyedBy` takes it. */
export async function readSecret(file: string, sealedFor: readonly string[]): Promise<Keyed> {
  const secret = await readKeyfile(file);
  if (secret.length >= shortestSecret) return keyedBy(secret, sealedFor);
  throw new Failure({
    doing: "use the secret",
    what: file,
    why: `its first line has ${secret.length} bytes, and ${shortestSecret} are the least`,
    remedy: "make one with `sysbackup keygen`",
    exit: exitStatus.usage,
  });
}
