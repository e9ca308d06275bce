/**
 * Finds out whether what is sealed opens for each of a machine's recipients: only then may its backups be built upon that. Who a sealed
 * object is for does not show, so this takes the identities of all recipients.
 */
import { Decrypter, identityToRecipient } from "age-encryption";
import { exitStatus, Failure } from "../failure.ts";
import { decodeKeyFile } from "../format/ssh/ssh-key.ts";

/** `beginning`: of the object as it is stored, with its whole header. */
export type OpensForAll = (beginning: Uint8Array) => Promise<boolean>;

/** Bytes that the header of an object for a hundred recipients fits in. */
export const longestHeader = 64 * 1024;

/** `identities`: lines of a file with them. Throws a Failure unless each recipient has its identity among them. */
export async function opensForAll(recipients: readonly string[], identities: readonly string[]): Promise<OpensForAll> {
  // Opening the object is the proof then.
  if (recipients.length === 1 && recipients[0] === sshRecipientOf(identities)) return async () => true;
  const pairs = await Promise.all(
    identities
      .filter((line) => line.startsWith("AGE-SECRET-KEY-1"))
      .map(async (identity) => [await identityToRecipient(identity), identity] as const),
  );
  const known = new Map(pairs);
  const own = recipients.map((recipient) => known.get(recipient) ?? refuse(recipient));
  return async (beginning) => {
    for (const identity of own) if (!(await opens(identity, beginning))) return false;
    return true;
  };
}

function sshRecipientOf(lines: readonly string[]): string | undefined {
  try {
    return decodeKeyFile(lines.join("\n")).publicKey;
  } catch {
    return undefined;
  }
}

async function opens(identity: string, beginning: Uint8Array): Promise<boolean> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  try {
    await decrypter.decryptHeader(beginning);
    return true;
  } catch {
    return false;
  }
}

function refuse(recipient: string): never {
  throw new Failure({
    doing: "find out what is sealed for",
    what: recipient,
    why: "its identity is not in the file of --identity, and without it nothing tells what it opens",
    remedy:
      "put the identities of all recipients into one file, a line each (of SSH keys, only one of the kind ssh-ed25519 that is the only recipient); or let archive store all content again",
    exit: exitStatus.usage,
  });
}
