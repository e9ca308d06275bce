/** Signatures as `ssh-keygen -Y sign` makes them, and `ssh-keygen -Y verify` checks them (OpenSSH's PROTOCOL.sshsig), by Ed25519. */
import { sign, verify } from "node:crypto";
import { altered } from "../error.ts";
import { ed25519, publicKeyText, rawPublicKey, type SigningKey, verifyingKey } from "./ssh-key.ts";
import { armored, SshReader, sshNumber, sshString, unarmored } from "./ssh-wire.ts";

const what = "SSH SIGNATURE";
const magic = Buffer.from("SSHSIG");
const version = 1;
const hashName = "sha256";

/** What is signed: `digest` is the SHA-256 of the message, and `namespace` says what it is for. */
export type SignedDigest = { readonly namespace: string; readonly digest: Uint8Array };

function toSign({ namespace, digest }: SignedDigest): Buffer {
  return Buffer.concat([magic, sshString(namespace), sshString(""), sshString(hashName), sshString(digest)]);
}

/** Returns the signature as text, in lines. */
export function signDigest({ publicKey, privateKey }: SigningKey, signed: SignedDigest): string {
  const blob = Buffer.from(publicKey.split(" ")[1] ?? "", "base64");
  const signature = Buffer.concat([sshString(ed25519), sshString(sign(null, toSign(signed), privateKey))]);
  const fields = [blob, signed.namespace, "", hashName, signature].map(sshString);
  return armored(what, Buffer.concat([magic, sshNumber(version), ...fields]));
}

/**
 * Returns the public key that made the signature, `ssh-ed25519 AAAA…`; undefined if it is of a kind that this program does not check.
 * Throws a FormatError if it is no signature, one of something else, or for another purpose.
 */
export function signerOf(text: string, signed: SignedDigest): string | undefined {
  const reader = new SshReader(unarmored(what, text));
  if (!reader.take(magic.length).equals(magic)) throw altered("it is no signature of SSH");
  if (reader.number() !== version) return undefined;
  const blob = reader.string();
  const namespace = reader.string().toString();
  reader.string();
  const hash = reader.string().toString();
  const signature = new SshReader(reader.string());
  reader.end();
  const raw = rawPublicKey(blob);
  if (raw === undefined || hash !== hashName || signature.string().toString() !== ed25519) return undefined;
  if (namespace !== signed.namespace) throw altered("its signature is for something else");
  const bytes = signature.string();
  signature.end();
  if (!isSignedBy(raw, toSign(signed), bytes)) throw altered("its signature is not of its content");
  return publicKeyText(blob);
}

function isSignedBy(raw: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(null, message, verifyingKey(raw), signature);
  } catch {
    // Not every 32 bytes are a key.
    return false;
  }
}
