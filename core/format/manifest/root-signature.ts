/**
 * The signature of a root, in the line before its footer: of all lines above, whose first one has the name and the time of the backup, as
 * its key has them. So it holds for no other backup. The line is a notice, which readers that know no signatures take for one.
 */
import { toLine } from "../lines/lines.ts";
import { fingerprintOf, type SigningKey } from "../ssh/ssh-key.ts";
import { signDigest, signerOf } from "../ssh/ssh-signature.ts";

/** Says what is signed, as `-n` of ssh-keygen does. */
export const rootNamespace = "sysbackup-root";
export const longestSignature = 4096;

/** Returns the line to put below lines with this digest (SHA-256, hex). */
export function signatureLine(key: SigningKey, digest: string, at: string): string {
  const signature = signDigest(key, { namespace: rootNamespace, digest: Buffer.from(digest, "hex") });
  const message = `signed by ${fingerprintOf(key.publicKey)}`;
  return toLine({ notice: { level: "info", code: "signed", message, at }, signature });
}

/** Returns who signed lines with this digest, as `signerOf` does. */
export function rootSignerOf(signature: string, digest: string): string | undefined {
  return signerOf(signature, { namespace: rootNamespace, digest: Buffer.from(digest, "hex") });
}
