/**
 * Seals whole objects as `openssl enc -aes-256-cbc -pbkdf2 -pass file:KEYFILE` does, byte for byte, and opens what that has
 * sealed: a sealMark, a salt of 8 bytes, then AES-256-CBC under a key and an IV that PBKDF2 makes of the password and the salt.
 *
 * It proves nothing about who wrote the bytes: the digests of a manifest do.
 */
import { createCipheriv, createDecipheriv, pbkdf2Sync, randomBytes } from "node:crypto";
import { altered, FormatError } from "../error.ts";
import type { ByteStream } from "./zlib.ts";

/** What sealed bytes begin with. */
export const sealMark = Buffer.from("Salted__");
const saltSize = 8;
const headSize = sealMark.length + saltSize;
const blockSize = 16;
/** What `openssl enc -pbkdf2` uses if nobody says otherwise. */
const rounds = 10_000;
const cipher = "aes-256-cbc";

/** OpenSSL reads the first line of a keyfile, up to so many bytes. */
const longestPassword = 1023;

/** Returns the password that OpenSSL takes from the content of a keyfile: its first line, up to the first zero byte. */
export function passwordIn(keyfile: Uint8Array): Buffer {
  const line = Buffer.from(keyfile.subarray(0, longestPassword));
  const ends = [line.indexOf(0), line.indexOf(10)].filter((end) => end >= 0);
  return line.subarray(0, Math.min(line.length, ...ends));
}

const passwords: Buffer[] = [];

/** Seals with this password, until it is disposed of or another one is used; and opens what was sealed with it. */
export function usePassword(password: Buffer): Disposable {
  passwords.push(password);
  return {
    [Symbol.dispose]() {
      const at = passwords.lastIndexOf(password);
      if (at >= 0) passwords.splice(at, 1);
    },
  };
}

/** Returns whether anything that is sealed may be opened. */
export function hasPassword(): boolean {
  return passwords.length > 0;
}

function keysOf(password: Buffer, salt: Uint8Array): { readonly key: Buffer; readonly iv: Buffer } {
  const bytes = pbkdf2Sync(password, salt, rounds, 32 + blockSize, "sha256");
  return { key: bytes.subarray(0, 32), iv: bytes.subarray(32) };
}

/** Returns how many bytes so many become. */
export function sealedSize(bytes: number): number {
  return headSize + bytes + blockSize - (bytes % blockSize);
}

/** Returns a name of the password that gives nothing away: to guess it takes as long as from what is sealed with it. */
export function nameOfPassword(password: Buffer): string {
  return pbkdf2Sync(password, "sysbackup name of a keyfile", rounds, 32, "sha256").toString("hex");
}

export async function* seal(content: ByteStream): AsyncGenerator<Uint8Array> {
  const password = passwords.at(-1);
  if (password === undefined) throw new Error("there is no keyfile to seal with");
  const salt = randomBytes(saltSize);
  const { key, iv } = keysOf(password, salt);
  const sealing = createCipheriv(cipher, key, iv);
  yield Buffer.concat([sealMark, salt]);
  for await (const piece of content) yield sealing.update(piece);
  yield sealing.final();
}

/** Throws a FormatError of kind `sealed` if no keyfile was named. */
export async function* open(stored: ByteStream): AsyncGenerator<Uint8Array> {
  if (passwords.length === 0) throw new FormatError("sealed", "it is sealed, and no keyfile is given");
  let opening: ReturnType<typeof createDecipheriv> | undefined;
  let head: Buffer = Buffer.alloc(0);
  for await (const piece of stored) {
    if (opening !== undefined) {
      yield opening.update(piece);
      continue;
    }
    head = Buffer.concat([head, piece]);
    if (head.length < headSize + blockSize) continue;
    opening = openerOf(head);
    yield opening.update(head.subarray(headSize));
  }
  if (opening === undefined) throw altered("it is cut short, or not sealed by OpenSSL");
  yield finished(opening);
}

function finished(opening: ReturnType<typeof createDecipheriv>): Uint8Array {
  try {
    return opening.final();
  } catch {
    throw notOpened();
  }
}

const notOpened = () => altered("it cannot be opened: the keyfile is another one, or the object is damaged");

/** What compressed content begins with: zstd, gzip, xz, bzip2 (with content, and without). So long that no other password shows it. */
const beginning = /^(28b52ffd|1f8b08[01]|fd377a585a00|425a683[1-9](314159265359|177245385090))/;

function openerOf(head: Buffer): ReturnType<typeof createDecipheriv> {
  if (!sealMark.equals(head.subarray(0, sealMark.length))) throw altered("it is not sealed by OpenSSL");
  const salt = head.subarray(sealMark.length, headSize);
  const first = head.subarray(headSize, headSize + blockSize);
  for (const password of passwords.toReversed()) {
    const { key, iv } = keysOf(password, salt);
    const trial = createDecipheriv(cipher, key, iv).setAutoPadding(false);
    const start = trial.update(first);
    if (beginning.test(start.toString("hex"))) return createDecipheriv(cipher, key, iv);
  }
  throw notOpened();
}
