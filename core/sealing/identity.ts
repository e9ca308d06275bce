/** Files with identities: what opens sealed backups. */
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import { argumentBytes } from "../format/argument.ts";
import { readFirstBytes } from "../system/first-bytes.ts";

const mostBytes = 1024 * 1024;

/** Returns the lines of a file with identities, without comments; of an SSH key, all lines. Throws a Failure for anything else. */
export async function readIdentities(file: string): Promise<string[]> {
  let text: string;
  try {
    text = (await readFirstBytes(argumentBytes(file), mostBytes)).toString("utf8");
  } catch (error) {
    throw refused(file, reasonOf(error), "check its path, owner and mode", error);
  }
  if (/^age-encryption\.org\/v1\n|^-----BEGIN AGE ENCRYPTED/.test(text))
    throw refused(file, "a passphrase protects it", `open it first: age -d ${file} > /dev/shm/identity, and name that`);
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const isSsh = lines[0]?.startsWith("-----BEGIN ") === true;
  if (lines.length > 0 && (isSsh || lines.every((line) => /^AGE-(SECRET-KEY|PLUGIN)-[A-Z0-9-]+$/.test(line))))
    return lines;
  const remedy = "name the file that `sysbackup keygen` or age-keygen made, or a private key of SSH";
  throw refused(file, "it has no identity of age, and is no private key of SSH", remedy);
}

function refused(file: string, why: string, remedy: string, cause?: unknown): Failure {
  return new Failure({ doing: "use the identity", what: file, why, remedy, exit: exitStatus.usage, cause });
}
