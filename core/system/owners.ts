/**
 * Looks users and groups up by number and by name, in the machine's name services (`/etc/passwd`, LDAP, SSSD…). Keeps answers,
 * also "unknown", for the life of the process.
 */
import { CString, type Pointer, ptr, read } from "bun:ffi";
import { constants } from "node:os";
import { fromText } from "../format/path.ts";
import { cString, fixedBuffer, libc } from "./libc.ts";

export function userName(uid: number): string | undefined {
  return known(userNames, uid, () => nameIn(lookUp(userCalls.byId, uid)));
}

export function groupName(gid: number): string | undefined {
  return known(groupNames, gid, () => nameIn(lookUp(groupCalls.byId, gid)));
}

export function userId(name: string): number | undefined {
  return known(userIds, name, () => idIn(lookUp(userCalls.byName, name)));
}

export function groupId(name: string): number | undefined {
  return known(groupIds, name, () => idIn(lookUp(groupCalls.byName, name)));
}

/** SHA-256 (hex) of the local account files: it changes if a name may now mean another number. */
export async function accountsFingerprint(): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const path of ["/etc/passwd", "/etc/group"]) {
    const file = Bun.file(path);
    const content = (await file.exists()) ? await file.bytes() : new Uint8Array();
    hash.update(`${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

const userNames = new Map<number, string | undefined>();
const groupNames = new Map<number, string | undefined>();
const userIds = new Map<string, number | undefined>();
const groupIds = new Map<string, number | undefined>();

function known<Key, Value>(answers: Map<Key, Value>, key: Key, ask: () => Value): Value {
  const answer = answers.get(key);
  if (answer !== undefined || answers.has(key)) return answer as Value;
  const asked = ask();
  answers.set(key, asked);
  return asked;
}

// `struct passwd` and `struct group` begin with the same fields: name and password (pointers), then the number.
const record = fixedBuffer(64);
const idOffset = 16;
const found = fixedBuffer(8);
/** Largest buffer: a group with many members needs much room. */
const maxRoom = 16 * 1024 * 1024;
let room = new Uint8Array(16 * 1024);

type Call<Key> = (key: Key, room: Uint8Array) => number;

const userCalls: { byId: Call<number>; byName: Call<string> } = {
  byId: (uid, room) => libc.getpwuid_r(uid, record.address, ptr(room), room.length, found.address),
  byName: (name, room) => libc.getpwnam_r(textual(name), record.address, ptr(room), room.length, found.address),
};

const groupCalls: { byId: Call<number>; byName: Call<string> } = {
  byId: (gid, room) => libc.getgrgid_r(gid, record.address, ptr(room), room.length, found.address),
  byName: (name, room) => libc.getgrnam_r(textual(name), record.address, ptr(room), room.length, found.address),
};

function textual(name: string): Pointer {
  return cString(fromText(name));
}

/** Returns whether `record` now has the answer. A name service that fails counts as not knowing. */
function lookUp<Key>(call: Call<Key>, key: Key): boolean {
  let status = call(key, room);
  while (status === constants.errno.ERANGE && room.length < maxRoom) {
    room = new Uint8Array(room.length * 4);
    status = call(key, room);
  }
  return status === 0 && read.u64(found.address) !== 0n;
}

function nameIn(present: boolean): string | undefined {
  if (!present) return undefined;
  return new CString(read.ptr(record.address) as Pointer).toString();
}

function idIn(present: boolean): number | undefined {
  return present ? read.u32(record.address, idOffset) : undefined;
}
