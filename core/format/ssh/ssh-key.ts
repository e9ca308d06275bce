/** Keys as OpenSSH keeps them in files, of the one kind that signs here: Ed25519, without a passphrase. */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { altered } from "../error.ts";
import { armored, SshReader, sshNumber, sshString, unarmored } from "./ssh-wire.ts";

export const ed25519 = "ssh-ed25519";
const file = "OPENSSH PRIVATE KEY";
const magic = Buffer.from("openssh-key-v1\0");
const sizes = { seed: 32, public: 32, block: 8 } as const;

/** `publicKey`: as OpenSSH writes it, without a comment: `ssh-ed25519 AAAA…`. */
export type SigningKey = { readonly publicKey: string; readonly privateKey: KeyObject };

/** Returns `ssh-ed25519 AAAA…`. `blob`: the key as SSH encodes it. */
export function publicKeyText(blob: Uint8Array): string {
  return `${ed25519} ${Buffer.from(blob).toString("base64")}`;
}

function blobOf(raw: Uint8Array): Buffer {
  return Buffer.concat([sshString(ed25519), sshString(raw)]);
}

/** Returns the 32 bytes of a key that SSH has encoded; undefined if it is of another kind. Throws a FormatError if it is no key. */
export function rawPublicKey(blob: Uint8Array): Buffer | undefined {
  const reader = new SshReader(blob);
  if (reader.string().toString() !== ed25519) return undefined;
  const raw = reader.string();
  reader.end();
  if (raw.length !== sizes.public) throw altered("the key is of another length");
  return raw;
}

export function verifyingKey(raw: Uint8Array): KeyObject {
  const x = Buffer.from(raw).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

/** Returns `SHA256:…`, as `ssh-keygen -l` shows it. `publicKey`: `ssh-ed25519 AAAA…`. */
export function fingerprintOf(publicKey: string): string {
  const blob = Buffer.from(publicKey.split(" ")[1] ?? "", "base64");
  return `SHA256:${new Bun.CryptoHasher("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** Makes a key of 32 random bytes. */
function signingKeyOf(seed: Uint8Array): SigningKey {
  // PKCS #8 (RFC 8410): the same 16 bytes before each seed.
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  const privateKey = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: "der", type: "pkcs8" });
  const { x = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  return { publicKey: publicKeyText(blobOf(Buffer.from(x, "base64url"))), privateKey };
}

/** Returns the text of a private key file. `check`: four random bytes. */
export function encodeKeyFile(seed: Uint8Array, check: Uint8Array, comment: string): string {
  const { publicKey } = signingKeyOf(seed);
  const blob = Buffer.from(publicKey.split(" ")[1] ?? "", "base64");
  const raw = rawPublicKey(blob) ?? Buffer.alloc(0);
  const parts = [check, check, blob, sshString(Buffer.concat([seed, raw])), sshString(comment)];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const padding = Buffer.from(
    Array.from({ length: (sizes.block - (length % sizes.block)) % sizes.block }, (_, at) => at + 1),
  );
  const secret = Buffer.concat([...parts, padding]);
  const none = [sshString("none"), sshString("none"), sshString("")];
  return armored(file, Buffer.concat([magic, ...none, sshNumber(1), sshString(blob), sshString(secret)]));
}

/** Returns whether a passphrase protects a private key of SSH, in this format or the older one. */
export function isLocked(text: string): boolean {
  if (/^(Proc-Type:.*ENCRYPTED|-----BEGIN ENCRYPTED )/m.test(text)) return true;
  try {
    const reader = new SshReader(unarmored(file, text));
    reader.take(magic.length);
    return reader.string().toString() !== "none";
  } catch {
    return false;
  }
}

/** Throws a FormatError that says what a private key file is, if it is not one that signs without asking. */
export function decodeKeyFile(text: string): SigningKey {
  const reader = new SshReader(unarmored(file, text));
  if (!reader.take(magic.length).equals(magic)) throw altered("it is no private key of OpenSSH");
  const cipher = reader.string().toString();
  reader.string();
  reader.string();
  if (cipher !== "none") throw altered("a passphrase protects it, which nobody can type at night");
  if (reader.number() !== 1) throw altered("it has several keys");
  const named = reader.string();
  const secret = new SshReader(reader.string());
  reader.end();
  const [check, again] = [secret.number(), secret.number()];
  if (check !== again) throw altered("it is damaged");
  if (secret.string().toString() !== ed25519) throw altered("it is of another kind than ssh-ed25519");
  secret.string();
  const pair = secret.string();
  const key = signingKeyOf(pair.subarray(0, sizes.seed));
  if (key.publicKey !== publicKeyText(named)) throw altered("its public key is another one");
  return key;
}
