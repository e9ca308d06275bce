/** Keyfiles: what bundles are sealed with. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf, exitStatus, Failure, reasonOf } from "../../failure.ts";
import { passwordIn } from "../../format/codecs/openssl.ts";
import { openRegular } from "../files/regular-file.ts";
import { privilegedUser } from "./privileged.ts";
import { type Stranger, strangerOnTheWay } from "./strangers.ts";

const size = 4096;
/** More is no keyfile: OpenSSL reads the first 1,023 bytes. */
const mostBytes = 1024 * 1024;
const othersMay = 0o077;
const shortestPassword = 8;

/** Returns the password of a keyfile. Throws a Failure for one that others can read, or that is too weak. */
export async function readKeyfile(path: string): Promise<Buffer> {
  return usablePassword(path, await readPrivate(path, "use the keyfile"));
}

/** Returns the beginning of a file that nobody else can read. Throws a Failure for any other. `doing`: what it is for, in words. */
export async function readPrivate(path: string, doing: string): Promise<Buffer> {
  const refuse = (why: string, remedy: string, cause?: unknown) =>
    new Failure({ doing, what: path, why, remedy, exit: exitStatus.usage, cause });
  let file: FileHandle;
  try {
    file = await openRegular(path);
  } catch (error) {
    throw refuse(reasonOf(error), "check its path, owner and mode", error);
  }
  try {
    const stat = await file.stat();
    if ((stat.mode & othersMay) !== 0) throw refuse("others than its owner can read it", `run chmod 600 ${path}`);
    const us = process.geteuid?.() ?? 0;
    if (stat.uid !== us && stat.uid !== 0) throw refuse("it belongs to another user", "take it over with chown");
    const content = Buffer.alloc(Math.min(stat.size, mostBytes));
    const { bytesRead } = await file.read(content, 0, content.length, 0);
    return content.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Throws a Failure if other users can put another file in its place: they could make it lost, or known. */
export async function refuseReplaceable(path: string): Promise<void> {
  const uid = privilegedUser();
  if (uid === undefined) return;
  let stranger: Stranger | undefined;
  try {
    stranger = await strangerOnTheWay(path, uid);
  } catch (error) {
    throw refused(path, reasonOf(error), "check its path, owner and mode", error);
  }
  if (stranger === undefined) return;
  const why = `${JSON.stringify(stranger.path)} ${stranger.how}: they could put another file in its place`;
  throw refused(path, why, "close that to others with chown or chmod");
}

function usablePassword(path: string, content: Uint8Array): Buffer {
  const password = passwordIn(content);
  if (password.length >= shortestPassword) return password;
  const why = `OpenSSL takes only the ${password.length} bytes before its first new line or zero byte, which anyone can guess`;
  throw refused(path, why, "name a file that is not there, so that a good one is made");
}

/** Makes a keyfile if there is none. Returns whether it did. Its folder must exist. */
export function makeKeyfile(path: string, random: (length: number) => Uint8Array): Promise<boolean> {
  return makePrivate(path, () => usefulBytes(random), "make the keyfile");
}

/** Makes a file that nobody else can read, if there is none. Returns whether it did. `doing`: as for `readPrivate`. */
export async function makePrivate(path: string, content: () => Uint8Array, doing: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, "wx", 0o600);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw new Failure({ doing, what: path, why: reasonOf(error), cause: error });
  }
  try {
    await file.writeFile(content());
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(dirname(path));
  return true;
}

/** Random bytes without new lines and zeros, at which OpenSSL stops reading. */
function usefulBytes(random: (length: number) => Uint8Array): Buffer {
  const bytes = Buffer.alloc(size);
  for (let filled = 0; filled < size; ) {
    const useful = random(size).filter((byte) => byte !== 0 && byte !== 10);
    bytes.set(useful.subarray(0, size - filled), filled);
    filled = Math.min(size, filled + useful.length);
  }
  return bytes;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function refused(path: string, why: string, remedy: string, cause?: unknown): Failure {
  return new Failure({ doing: "use the keyfile", what: path, why, remedy, exit: exitStatus.usage, cause });
}
