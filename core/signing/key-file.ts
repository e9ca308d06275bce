/** The file with the key that signs a machine's backups. */
import { writeFile } from "node:fs/promises";
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import { decodeKeyFile, encodeKeyFile, fingerprintOf, type SigningKey } from "../format/ssh/ssh-key.ts";
import type { Notify } from "../notice.ts";
import { makePrivate, readPrivate, refuseReplaceable } from "../system/trust/keyfile.ts";

const doing = "use the key that signs backups";

export type SigningFile = {
  readonly path: string;
  /** The backup name, for which the key is to be trusted. */
  readonly name: string;
  readonly random: (length: number) => Uint8Array;
  readonly notify: Notify;
};

/** Reads the key. If there is none, makes it, and says what to keep elsewhere. Throws a Failure for a file that is no such key. */
export async function openSigningKey({ path, name, random, notify }: SigningFile): Promise<SigningKey> {
  const isNew = await makePrivate(path, () => Buffer.from(encodeKeyFile(random(32), random(4), name)), doing).catch(
    (error: unknown) => {
      throw error instanceof Failure ? notMade(path, error) : error;
    },
  );
  await refuseReplaceable(path);
  const key = keyIn(path, (await readPrivate(path, doing)).toString());
  if (!isNew) return key;
  const line = trustedLine(name, key);
  await writeFile(`${path}.pub`, `${key.publicKey} ${name}\n`, { mode: 0o644 }).catch(() => {});
  const message = `made the key ${JSON.stringify(path)} (${fingerprintOf(key.publicKey)}) that signs the backups of ${JSON.stringify(name)}; keep this line where no machine can change it, in the file of --trust: ${line}`;
  notify({ level: "info", code: "signing-key-made", message });
  return key;
}

/** The units of systemd may write nothing but their state. */
function notMade(path: string, { parts }: Failure): Failure {
  const remedy = `make it by hand: \`sysbackup write-config\` again, \`sysbackup archive\` once as root, or ssh-keygen -q -t ed25519 -N '' -f ${path}`;
  return new Failure({ ...parts, remedy, exit: exitStatus.usage });
}

/** Returns the line of a file of trusted keys by which this key may sign backups of this name, and nothing else. */
function trustedLine(name: string, { publicKey }: SigningKey): string {
  return `${name} ${publicKey}`;
}

function keyIn(path: string, text: string): SigningKey {
  try {
    return decodeKeyFile(text);
  } catch (error) {
    const remedy = "name another file in key_file of [signing]: if it is not there, it is made";
    throw new Failure({ doing, what: path, why: reasonOf(error), remedy, exit: exitStatus.usage, cause: error });
  }
}
