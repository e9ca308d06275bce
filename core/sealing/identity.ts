/** Files with identities: what opens sealed backups. */
import { armor, Decrypter } from "age-encryption";
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import { argumentBytes } from "../format/argument.ts";
import { isLocked } from "../format/ssh/ssh-key.ts";
import { readFirstBytes } from "../system/files/first-bytes.ts";

const mostBytes = 1024 * 1024;
const ageMark = Buffer.from("age-encryption.org/v1\n");

/** Asks for a passphrase on the terminal. Returns undefined if none is given. Throws if there is no terminal. */
export type AskPassphrase = (question: string) => Promise<string | undefined>;

/**
 * Returns the identities in a file: lines without comments; of an SSH key, all lines. If a passphrase protects it, asks for that. Throws
 * a Failure for anything else.
 */
export async function readIdentities(file: string, askPassphrase: AskPassphrase): Promise<readonly string[]> {
  let bytes: Buffer;
  try {
    bytes = await readFirstBytes(argumentBytes(file), mostBytes);
  } catch (error) {
    throw refused(file, reasonOf(error), "check its path, owner and mode", error);
  }
  const sealed = sealedIn(file, bytes);
  if (sealed === undefined) return identitiesIn(file, bytes.toString("utf8"));
  const passphrase = await askPassphrase(`Passphrase of ${file}:`);
  if (!passphrase)
    throw refused(file, "a passphrase protects it, and none was given", "run it on a terminal, and type it");
  return identitiesIn(file, await opened(file, sealed, passphrase));
}

const armorStart = "-----BEGIN AGE ENCRYPTED FILE-----";

/** Returns what age has sealed; undefined for a plain file. */
function sealedIn(file: string, bytes: Buffer): Uint8Array | undefined {
  if (bytes.subarray(0, ageMark.length).equals(ageMark)) return bytes;
  const text = bytes.toString("utf8").trim();
  if (!text.startsWith(armorStart)) return undefined;
  try {
    return armor.decode(text);
  } catch (error) {
    throw refused(file, `it is damaged: ${reasonOf(error)}`, "take another copy of it", error);
  }
}

async function opened(file: string, sealed: Uint8Array, passphrase: string): Promise<string> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return await decrypter.decrypt(sealed, "text");
  } catch (error) {
    throw refused(file, `it does not open: ${reasonOf(error)}`, "check the passphrase", error);
  }
}

/** Returns the identities in a text. Throws a Failure if there is none. `file`: names it. */
function identitiesIn(file: string, text: string): string[] {
  // An editor of another system may have put a mark before it, and other ends of lines. `trim` takes both away.
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const isSsh = lines[0]?.startsWith("-----BEGIN ") === true;
  if (isSsh && isLocked(text)) {
    const copy =
      "give a copy without one, in memory, and remove it after that: umask 077 && cp KEY /dev/shm/key && ssh-keygen -p -N '' -f /dev/shm/key";
    throw refused(file, "a passphrase protects this key of SSH, which age would ask for at each object", copy);
  }
  if (isSsh) return lines;
  if (lines.length > 0 && lines.every((line) => /^AGE-(SECRET-KEY|PLUGIN)-[A-Z0-9-]+$/.test(line))) {
    checkTyped(file, lines);
    return lines;
  }
  const remedy = "name the file that `sysbackup keygen` or age-keygen made, or a private key of SSH";
  throw refused(file, "it has no identity of age, and is no private key of SSH", remedy);
}

/** Throws a Failure for an identity of which a character is wrong, as after typing it from paper. */
function checkTyped(file: string, lines: readonly string[]): void {
  for (const [number, line] of lines.entries()) {
    // Others are the program's.
    if (!line.startsWith("AGE-SECRET-KEY-1")) continue;
    try {
      new Decrypter().addIdentity(line);
    } catch (error) {
      const why = `a character of identity ${number + 1} in it is wrong: ${reasonOf(error)}`;
      throw refused(file, why, "compare it with the page for the safe", error);
    }
  }
}

function refused(file: string, why: string, remedy: string, cause?: unknown): Failure {
  return new Failure({ doing: "use the identity", what: file, why, remedy, exit: exitStatus.usage, cause });
}
