/**
 * Reads and writes extended attributes. Never follows links: uses a link's own attributes.
 *
 * Names in a folder are reached as `/proc/self/fd/<n>/<name>`, as only Linux 6.13 has calls for that: the descriptor is the
 * confined one, and the last component is not followed.
 */
import type { Acl } from "../format/entry.ts";
import { type ByteString, fromBytes } from "../format/path.ts";
import { type AclNames, aclToText } from "./acl.ts";
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
 * Reads all attributes of a path or of an open file. ACLs are decoded, and not in the map. None on a filesystem without
 * attributes.
 */
export function readXattrs(file: ByteString | number): Xattrs {
  const xattrs = new Map<ByteString, Uint8Array>();
  const listed = attributeNames(file);
  if (listed.length === 0) return { xattrs };
  const acl: { access?: string; default?: string } = {};
  const ids: Record<string, number> = Object.create(null);
  const names = namesInto(ids);
  for (const name of listed) {
    const bytes = attributeValue(file, name);
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

function attributeNames(file: ByteString | number): readonly ByteString[] {
  const length = Number(
    typeof file === "number"
      ? libc.flistxattr(file, list.address, maxBytes)
      : libc.llistxattr(cString(file), list.address, maxBytes),
  );
  if (length === 0) return noNames;
  if (length < 0) {
    const error = lastError("listxattr", typeof file === "number" ? undefined : file);
    if (error.code === "ENOTSUP") return noNames;
    throw error;
  }
  const joined: string = fromBytes(list.bytes.subarray(0, length - 1));
  return joined.split("\0") as ByteString[];
}

/** Returns the value in scratch memory, valid until the next call. Undefined if the attribute was removed since it was listed. */
function attributeValue(file: ByteString | number, name: ByteString): Uint8Array | undefined {
  const length = Number(
    typeof file === "number"
      ? libc.fgetxattr(file, secondCString(name), value.address, maxBytes)
      : libc.lgetxattr(cString(file), secondCString(name), value.address, maxBytes),
  );
  if (length >= 0) return value.bytes.subarray(0, length);
  const error = lastError(`getxattr ${name}`, typeof file === "number" ? undefined : file);
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

export function readXattrsAt(folder: number, name: ByteString): Xattrs {
  return readXattrs(pathUnder(folder, name));
}

function removed(status: number, attribute: ByteString, name?: ByteString): void {
  if (status >= 0) return;
  const error = lastError(`removexattr ${attribute}`, name);
  if (error.code !== "ENODATA" && error.code !== "ENOTSUP") throw error;
}

function pathUnder(folder: number, name: ByteString): ByteString {
  return `/proc/self/fd/${folder}/${plainName(name)}` as ByteString;
}
