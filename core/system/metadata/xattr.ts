/**
 * Extended attributes of open files and folders, and of what is held (`handle.ts`). There are no calls for the latter: it is
 * reached as `/proc/self/fd/<n>`. Links are never followed: a link's own attributes are read and written.
 */
import type { Acl } from "../../format/entries/entry.ts";
import { type ByteString, fromBytes } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import { pathOfHandle } from "../files/handle.ts";
import { addressOf, check, cString, fixedBuffer, lastError, libc, SystemError, secondCString } from "../libc.ts";
import { groupName, userName } from "../owners.ts";
import { AclError, type AclNames, aclToText } from "./acl.ts";

export type Xattrs = {
  readonly acl?: Acl;
  readonly xattrs: Map<ByteString, Uint8Array>;
  /** Why some of them could not be read, if so. */
  readonly unread?: string;
};

export const accessAcl = "system.posix_acl_access" as ByteString;
export const defaultAcl = "system.posix_acl_default" as ByteString;

/** Largest list and largest value on Linux: XATTR_LIST_MAX, XATTR_SIZE_MAX. */
const maxBytes = 64 * 1024;
/** Bytes of all values of one file. Users can set some hundred MiB, on some filesystems, and a manifest holds them in one line. */
const mostOfFile = 1024 * 1024;
const list = fixedBuffer(maxBytes);
const value = fixedBuffer(maxBytes);

/**
 * Reads all attributes of an open file or folder. ACLs are decoded, and not in the map. None on a filesystem without
 * attributes. Those that cannot be read are left out: a file is worth keeping without them.
 */
export function readXattrs(fd: number): Xattrs {
  return readBy(openCalls, fd);
}

/** As `readXattrs`, of a file of any type that is held (`handle.ts`). */
export function readXattrsOfHandle(handle: number): Xattrs {
  return readBy(heldCalls, pathOfHandle(handle));
}

type Calls<Subject> = {
  list(subject: Subject): number | bigint;
  get(subject: Subject, name: ByteString): number | bigint;
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

function readBy<Subject>(calls: Calls<Subject>, subject: Subject): Xattrs {
  const reading: AttributeReading = {
    xattrs: new Map(),
    acl: {},
    ids: Object.create(null),
    unread: undefined,
    total: 0,
  };
  for (const name of listedNames(calls, subject, reading)) readOne(calls, subject, name, reading);
  const { xattrs, acl, ids, unread } = reading;
  const trouble = unread === undefined ? {} : { unread };
  if (acl.access === undefined && acl.default === undefined) return { xattrs, ...trouble };
  return { acl: Object.keys(ids).length === 0 ? acl : { ...acl, ids }, xattrs, ...trouble };
}

type AttributeReading = {
  readonly xattrs: Map<ByteString, Uint8Array>;
  readonly acl: { access?: string; default?: string };
  readonly ids: Record<string, number>;
  unread: string | undefined;
  /** Bytes of all values. */
  total: number;
};

/** Looked for one by one if the names cannot be listed: there may be too many for the kernel. */
const important = [accessAcl, defaultAcl, "security.capability" as ByteString, "security.selinux" as ByteString];

function listedNames<Subject>(
  calls: Calls<Subject>,
  subject: Subject,
  reading: AttributeReading,
): readonly ByteString[] {
  try {
    return attributeNames(calls, subject);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    reading.unread = error.message;
    return important;
  }
}

function readOne<Subject>(calls: Calls<Subject>, subject: Subject, name: ByteString, reading: AttributeReading): void {
  const { xattrs, acl, ids } = reading;
  try {
    const bytes = attributeValue(calls, subject, name);
    if (bytes === undefined) return;
    reading.total += bytes.length;
    if (reading.total > mostOfFile) throw tooMany();
    if (name === accessAcl) acl.access = aclToText(bytes, namesInto(ids));
    else if (name === defaultAcl) acl.default = aclToText(bytes, namesInto(ids));
    else xattrs.set(name, new Uint8Array(bytes));
  } catch (error) {
    if (!(error instanceof SystemError) && !(error instanceof AclError)) throw error;
    reading.unread ??= error.message;
  }
}

function tooMany(): SystemError {
  return new SystemError({ code: "E2BIG", reason: "it has more than 1 MiB of extended attributes", call: "getxattr" });
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

function attributeNames<Subject>(calls: Calls<Subject>, subject: Subject): readonly ByteString[] {
  const length = Number(calls.list(subject));
  if (length === 0) return noNames;
  if (length < 0) {
    const error = lastError("listxattr");
    if (error.code === "ENOTSUP") return noNames;
    throw error;
  }
  const joined: string = fromBytes(list.bytes.subarray(0, length - 1));
  return joined.split("\0") as ByteString[];
}

/** In scratch memory, good until the next call. Undefined if the attribute has gone since it was listed. */
function attributeValue<Subject>(calls: Calls<Subject>, subject: Subject, name: ByteString): Uint8Array | undefined {
  const length = Number(calls.get(subject, name));
  if (length >= 0) return value.bytes.subarray(0, length);
  const error = lastError(`getxattr ${quoted(name)}`);
  if (error.code === "ENODATA" || error.code === "ENOTSUP") return undefined;
  throw error;
}

/** Sets an attribute of an open file or folder. */
export function writeXattr(fd: number, attribute: ByteString, value: Uint8Array): void {
  const status = libc.fsetxattr(fd, secondCString(attribute), addressOf(value), value.length, 0);
  check(status, `setxattr ${attribute}`);
}

export function writeXattrOfHandle(handle: number, attribute: ByteString, value: Uint8Array): void {
  const path = cString(pathOfHandle(handle));
  check(libc.setxattr(path, secondCString(attribute), addressOf(value), value.length, 0), `setxattr ${attribute}`);
}

/** Removes an attribute. Does nothing if it does not exist. */
export function removeXattr(fd: number, attribute: ByteString): void {
  removed(libc.fremovexattr(fd, secondCString(attribute)), attribute);
}

export function removeXattrOfHandle(handle: number, attribute: ByteString): void {
  removed(libc.removexattr(cString(pathOfHandle(handle)), secondCString(attribute)), attribute);
}

function removed(status: number, attribute: ByteString): void {
  if (status >= 0) return;
  const error = lastError(`removexattr ${attribute}`);
  if (error.code !== "ENODATA" && error.code !== "ENOTSUP") throw error;
}
