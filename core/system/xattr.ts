/**
 * Reads and writes extended attributes. Never follows links: uses a link's own attributes.
 *
 * Names in a folder are reached as `/proc/self/fd/<n>/<name>`, as only Linux 6.13 has calls for that: the descriptor is the
 * confined one, and the last component is not followed.
 */
import type { Acl } from "../format/entry.ts";
import { type ByteString, fromBytes } from "../format/path.ts";
import { type AclNames, aclToText } from "./acl.ts";
import { pathOfHandle } from "./handle.ts";
import { addressOf, check, cString, fixedBuffer, lastError, libc, secondCString } from "./libc.ts";
import { plainName } from "./name.ts";
import { groupName, userName } from "./owners.ts";

export type Xattrs = { readonly acl?: Acl; readonly xattrs: Map<ByteString, Uint8Array> };

export const accessAcl = "system.posix_acl_access" as ByteString;
export const defaultAcl = "system.posix_acl_default" as ByteString;

/** Largest list and largest value on Linux: XATTR_LIST_MAX, XATTR_SIZE_MAX. */
const maxBytes = 64 * 1024;
const list = fixedBuffer(maxBytes);
const value = fixedBuffer(maxBytes);

/**
 * Reads all attributes of an open file or folder. ACLs are decoded, and not in the map. None on a filesystem without
 * attributes.
 */
export function readXattrs(fd: number): Xattrs {
  return readBy(openCalls, fd);
}

/** As `readXattrs`, of a file of any type that is held (`handle.ts`). */
export function readXattrsOfHandle(handle: number): Xattrs {
  return readBy(heldCalls, pathOfHandle(handle));
}

/** As `readXattrs`, of `name` in a folder, of the link itself if it is one. */
export function readXattrsAt(folder: number, name: ByteString): Xattrs {
  return readBy(namedCalls, pathUnder(folder, name), name);
}

type Calls<Subject> = {
  list(of: Subject): number | bigint;
  get(of: Subject, name: ByteString): number | bigint;
};

const openCalls: Calls<number> = {
  list: (fd) => libc.flistxattr(fd, list.address, maxBytes),
  get: (fd, name) => libc.fgetxattr(fd, secondCString(name), value.address, maxBytes),
};

/** Follows the kernel's own link to what is held, and no other: that may be a link itself. */
const heldCalls: Calls<ByteString> = {
  list: (path) => libc.listxattr(cString(path), list.address, maxBytes),
  get: (path, name) => libc.getxattr(cString(path), secondCString(name), value.address, maxBytes),
};

const namedCalls: Calls<ByteString> = {
  list: (path) => libc.llistxattr(cString(path), list.address, maxBytes),
  get: (path, name) => libc.lgetxattr(cString(path), secondCString(name), value.address, maxBytes),
};

/** `named` is for messages. */
function readBy<Subject>(calls: Calls<Subject>, of: Subject, named?: ByteString): Xattrs {
  const xattrs = new Map<ByteString, Uint8Array>();
  const listed = attributeNames(calls, of, named);
  if (listed.length === 0) return { xattrs };
  const acl: { access?: string; default?: string } = {};
  const ids: Record<string, number> = Object.create(null);
  const names = namesInto(ids);
  for (const name of listed) {
    const bytes = attributeValue(calls, of, name, named);
    if (bytes === undefined) continue;
    if (name === accessAcl) acl.access = aclToText(bytes, names);
    else if (name === defaultAcl) acl.default = aclToText(bytes, names);
    else xattrs.set(name, new Uint8Array(bytes));
  }
  if (acl.access === undefined && acl.default === undefined) return { xattrs };
  return { acl: Object.keys(ids).length === 0 ? acl : { ...acl, ids }, xattrs };
}

/** Looks names up, and records in `ids` the number of each that it finds. */
function namesInto(ids: Record<string, number>): AclNames {
  const noted = (kind: "user" | "group", id: number, name: string | undefined) => {
    if (name !== undefined) ids[`${kind}:${name}`] = id;
    return name;
  };
  return {
    userName: (uid) => noted("user", uid, userName(uid)),
    groupName: (gid) => noted("group", gid, groupName(gid)),
  };
}

const noNames: readonly ByteString[] = [];

function attributeNames<Subject>(calls: Calls<Subject>, of: Subject, named?: ByteString): readonly ByteString[] {
  const length = Number(calls.list(of));
  if (length === 0) return noNames;
  if (length < 0) {
    const error = lastError("listxattr", named);
    if (error.code === "ENOTSUP") return noNames;
    throw error;
  }
  const joined: string = fromBytes(list.bytes.subarray(0, length - 1));
  return joined.split("\0") as ByteString[];
}

/** Returns the value in scratch memory, valid until the next call. Undefined if the attribute was removed since it was listed. */
function attributeValue<Subject>(calls: Calls<Subject>, of: Subject, name: ByteString, named?: ByteString) {
  const length = Number(calls.get(of, name));
  if (length >= 0) return value.bytes.subarray(0, length);
  const error = lastError(`getxattr ${name}`, named);
  if (error.code === "ENODATA" || error.code === "ENOTSUP") return undefined;
  throw error;
}

/** Sets an attribute of an open file or folder. */
export function writeXattr(fd: number, attribute: ByteString, value: Uint8Array): void {
  const status = libc.fsetxattr(fd, secondCString(attribute), addressOf(value), value.length, 0);
  check(status, `setxattr ${attribute}`);
}

/** Sets an attribute of `name` in a folder; of a link, of the link itself. */
export function writeXattrAt(folder: number, name: ByteString, attribute: ByteString, value: Uint8Array): void {
  const path = cString(pathUnder(folder, name));
  const status = libc.lsetxattr(path, secondCString(attribute), addressOf(value), value.length, 0);
  check(status, `setxattr ${attribute}`, name);
}

/** Removes an attribute. Does nothing if it does not exist. */
export function removeXattr(fd: number, attribute: ByteString): void {
  removed(libc.fremovexattr(fd, secondCString(attribute)), attribute);
}

export function removeXattrAt(folder: number, name: ByteString, attribute: ByteString): void {
  removed(libc.lremovexattr(cString(pathUnder(folder, name)), secondCString(attribute)), attribute, name);
}

function removed(status: number, attribute: ByteString, name?: ByteString): void {
  if (status >= 0) return;
  const error = lastError(`removexattr ${attribute}`, name);
  if (error.code !== "ENODATA" && error.code !== "ENOTSUP") throw error;
}

function pathUnder(folder: number, name: ByteString): ByteString {
  return `/proc/self/fd/${folder}/${plainName(name)}` as ByteString;
}
