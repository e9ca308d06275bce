/** Modes, times, ACLs, extended attributes, owners and nodes. */
import { type Attributes, type Children, device, fifo, file, folder, link, socket } from "../literal.ts";

const binary = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/** What anybody may have. */
export function nastyAttributes(): Children {
  return { modes: folder(modes), times: folder(times()), acls: folder(acls), xattrs: folder(xattrs) };
}

/** What only root can make. */
export function rootAttributes(): Children {
  return {
    // Root alone can read it.
    "mode 000": file("unreadable\n", { mode: 0 }),
    "folder of mode 000": folder({ inside: file("inside\n") }, { mode: 0 }),
    owners: folder(owners),
    capable: folder(capable),
    trusted: folder(trusted),
    nodes: folder(nodes),
  };
}

/** Fifos and sockets, which block a reader for ever. The socket is expected to be skipped. */
export const waiting: Children = {
  fifo: fifo({ mode: 0o622, modified: [1_234_567_890, 5] }),
  socket: socket(),
};

const modes: Children = {
  // A write or a change of owner takes these bits away, so they come last.
  setuid: file("#!/bin/false\n", { mode: 0o4755 }),
  setgid: file("#!/bin/false\n", { mode: 0o2755 }),
  "setgid, not executable": file("once meant mandatory locks\n", { mode: 0o2644 }),
  all: file("", { mode: 0o7777 }),
  "sticky folder": folder({ inside: file("") }, { mode: 0o1777 }),
  // What is made in it gets its group, wanted or not.
  "setgid folder": folder({ inside: folder({ deeper: file("") }, { mode: 0o755 }) }, { mode: 0o2775 }),
  "read only": file("", { mode: 0o444 }),
  "executable only for others": file("", { mode: 0o401 }),
  // Its content must be there before its mode is.
  "closed folder": folder(
    { inside: file("inside\n"), deeper: folder({ too: file("") }, { mode: 0o555 }) },
    { mode: 0o555 },
  ),
  "empty folder": folder(),
  "empty closed folder": folder({}, { mode: 0o500 }),
};

/** Times from the first to the last moment that a common filesystem keeps (ext4: 1901 to 2446). */
const moments = {
  "just before 1970": [-1, 999_999_999],
  // The second is negative, the nanoseconds are not: floats and `seconds * 1e9 + nanoseconds` with the wrong sign fail.
  "before 1970": [-86_400, 1],
  "1902": [-2_145_916_800, 500_000_000],
  "1970": [0, 0],
  "first nanosecond": [0, 1],
  // Beyond the precision of a float or of microseconds.
  "one nanosecond": [1_700_000_000, 1],
  "last nanosecond": [1_700_000_000, 999_999_999],
  // Beyond 31 and 32 bits.
  "2038": [2_147_483_648, 0],
  "2106": [4_294_967_296, 123_456_789],
  "2400": [13_569_465_600, 999_999_999],
} as const;

/** Files, folders and links: each is set by another call. A folder's time changes when something is put into it. */
function times(): Children {
  return Object.fromEntries(
    Object.entries(moments).flatMap(([name, modified]) => [
      [`file of ${name}`, file(name, { modified })],
      [`folder of ${name}`, folder({ inside: file("", { modified }) }, { modified })],
      [`link of ${name}`, link(`file of ${name}`, { modified })],
    ]),
  );
}

/** ACLs. With a mask, the group bits of the mode are the mask and not the group's. No machine has the account 3,000,000,000. */
const acls: Children = {
  "user by name": file("", { mode: 0o640, acl: "user:daemon:rw" }),
  "user without an account": file("", { mode: 0o640, acl: "user:3000000000:r" }),
  "group by name": file("", { mode: 0o640, acl: "group:daemon:rx" }),
  "group without an account": file("", { mode: 0o640, acl: "group:3000000000:r" }),
  "masked away": file("", { mode: 0o640, acl: "user:daemon:rwx,group:daemon:rw,mask::r" }),
  // chmod after the ACL would change the mask, and the ACL after chmod could take setuid away.
  "with setuid": file("", { mode: 0o4750, acl: "user:daemon:rx" }),
  "access and default": folder(
    { "made before the default": file("") },
    { acl: "user:daemon:rwx", defaultAcl: "user:daemon:rwx,user:3000000000:r,group:daemon:r,mask::rx,other::-" },
  ),
  // What a restore makes in it inherits the default, which it must not keep.
  "default only": folder(
    { inside: file("", { mode: 0o666 }), deeper: folder({ inside: file("") }, { mode: 0o777 }) },
    { defaultAcl: "user:daemon:rwx" },
  ),
  // The default has the three plain entries alone: it is there all the same, and no mode says so.
  "plain default": folder({}, { defaultAcl: "user::rwx,group::rx,other::-" }),
};

const xattrs: Children = {
  // Not text, and with a NUL.
  binary: file("", { xattrs: { "user.binary": binary } }),
  empty: file("", { xattrs: { "user.empty": "" } }),
  many: file("content\n", { xattrs: many(20) }),
  // Near what ext4 keeps in all (one block, when it does not fit the inode).
  long: file("", { xattrs: { "user.long": "v".repeat(2000) } }),
  // 255 bytes of name, the most there can be.
  "long name": file("", { xattrs: { [`user.${"n".repeat(250)}`]: "v" } }),
  "odd names": file("", { xattrs: { "user.ünï\n=": "v", "user.with blank": "v", "user.__proto__": "v" } }),
  "on a folder": folder({ inside: file("") }, { xattrs: { "user.folder": binary } }),
  // A user attribute can be set only by those who may write, so before the mode.
  "on a read-only file": file("", { mode: 0o444, xattrs: { "user.x": "v" } }),
};

function many(count: number): NonNullable<Attributes["xattrs"]> {
  return Object.fromEntries(Array.from({ length: count }, (_, number) => [`user.${number}`, `value ${number}`]));
}

/** 4,294,967,294 is the last number there is: as a signed one it is -2, next to the -1 that leaves owners alone. */
const owners: Children = {
  // Names can have other numbers on the machine that restores.
  "by name": file("", { uid: 1, gid: 1 }),
  "user and group apart": file("", { uid: 2, gid: 3 }),
  "without an account": file("", { uid: 4_242_424, gid: 4_242_425 }),
  "the last number": file("", { uid: 4_294_967_294, gid: 4_294_967_294 }),
  "beyond 31 bits": folder({ inside: file("", { uid: 1 }) }, { uid: 3_000_000_000, gid: 3_000_000_000 }),
  link: link("by name", { uid: 1, gid: 2 }),
  // A change of owner takes setuid away.
  setuid: file("", { uid: 1, gid: 1, mode: 0o6755 }),
  fifo: fifo({ uid: 1, gid: 2 }),
  // Its mode lets nobody but root in, and its owner is not root.
  closed: folder({ inside: file("", { uid: 2, mode: 0o400 }) }, { uid: 1, mode: 0o500 }),
};

/** Kept in `security.capability`; a write or a change of owner takes them away. */
const capable: Children = {
  ping: file("#!/bin/false\n", { mode: 0o755, capabilities: "cap_net_raw+ep" }),
  "several, of another owner": file("", { uid: 1, capabilities: "cap_chown,cap_dac_override+eip cap_sys_admin+ep" }),
  // Both are lost on the way if either is set too early.
  "setuid as well": file("", { mode: 0o4755, uid: 1, capabilities: "cap_net_bind_service+ep" }),
};

/** Seen and set by root alone, and the only ones that links and nodes can have. */
const trusted: Children = {
  file: file("", { xattrs: { "trusted.file": binary, "user.beside": "v" } }),
  folder: folder({}, { xattrs: { "trusted.folder": "v" } }),
  link: link("nowhere", { xattrs: { "trusted.link": binary } }),
  // On the link, not on what it leads to.
  "link to a file": link("file", { xattrs: { "trusted.link": "on the link" } }),
  fifo: fifo({ xattrs: { "trusted.fifo": "v" } }),
};

/** Opening a device can do anything; reading this one never ends. */
const nodes: Children = {
  zero: device("character device", [1, 5], { mode: 0o666, modified: [1_234_567_890, 987_654_321] }),
  disk: device("block device", [7, 99], { mode: 0o660, gid: 6, modified: [-5, 5] }),
  // The numbers are 12 and 20 bits wide; programs that know of 8 and 8 cut them.
  "wide numbers": device("character device", [511, 1_048_575]),
  "block, wide numbers": device("block device", [259, 300]),
  // Overlay filesystems mark removed files so; it is a device like any other.
  whiteout: device("character device", [0, 0]),
  "with an ACL": device("character device", [1, 3], { mode: 0o660, acl: "user:daemon:rw" }),
};
