/** A tree with one of each, and all the single changes to it that the comparer must see. */
import { type Attributes, type Children, device, fifo, file, folder, hardLink, link, sparseFile } from "./literal.ts";

const at: Attributes = { modified: [1_700_000_000, 1] };
/** Time for `touch -d`. */
export const stamp = "@1700000000.000000001";
const block = 4096;

/** One of each, all of the same time. */
export const children: Children = {
  file: file("some content\n", at),
  "with acl": file("", { ...at, mode: 0o640, acl: "user:1:rw,mask::r" }),
  "with xattrs": file("", { ...at, xattrs: { "user.one": "1", "user.empty": "" } }),
  folder: folder(
    { inside: file("inside\n", at), "\n😀": file("", at) },
    { ...at, defaultAcl: "user:1:rwx", xattrs: { "user.folder": "f" } },
  ),
  link: link("file", at),
  "same link": hardLink("link"),
  "link to a folder": link("folder", at),
  fifo: fifo(at),
  a1: file("linked\n", at),
  a2: hardLink("a1"),
  b1: file("linked\n", at),
  b2: hardLink("b1"),
  sparse: sparseFile(
    20 * block,
    [
      { at: 0, bytes: { random: block, seed: 1 } },
      { at: 10 * block, bytes: { random: block, seed: 2 } },
    ],
    at,
  ),
  zeros: file({ repeat: "\0", times: 4 * block }, at),
};

export const childrenByRoot: Children = {
  owned: file("", { ...at, uid: 1, gid: 1 }),
  "owned link": link("file", { ...at, uid: 1, gid: 1, xattrs: { "trusted.link": "l" } }),
  capable: file("", { ...at, capabilities: "cap_net_raw+ep" }),
  device: device("character device", [1, 5], at),
};

/** A change (in the copied tree, after which everything gets the same time again), and what must be reported. */
export type Change = readonly [name: string, command: string, ...reported: string[]];

export const changes: Change[] = [
  ["nothing", "true"],
  ["a file's access time", "touch -a -d @1000000000 file"],
  ["one byte of content", "printf S | dd of=file conv=notrunc", "file bytes"],
  ["a byte more", "printf x >> file", "file size"],
  ["a byte less", "truncate -s -1 file", "file size"],
  ["a length grown by a hole", "truncate -s +4096 sparse", "sparse size"],
  ["content of a file in a folder", "printf I | dd of=folder/inside conv=notrunc", "folder/inside bytes"],
  ["content behind a hard link", "printf L | dd of=a2 conv=notrunc", "a1 bytes", "a2 bytes"],
  ["mode of a file", "chmod 600 file", "file mode"],
  ["mode of a folder", "chmod 700 folder", "folder mode"],
  ["mode of the root folder", "chmod 700 .", " mode"],
  ["mode of a fifo", "chmod 640 fifo", "fifo mode"],
  ["setuid", "chmod u+s file", "file mode"],
  ["setgid", "chmod g+s folder", "folder mode"],
  ["sticky", "chmod +t folder", "folder mode"],
  ["an ACL entry changed", "setfacl -n -m user:1:r 'with acl'", "with acl acl"],
  ["an ACL entry for somebody else", "setfacl -n -x user:1 -m user:2:rw 'with acl'", "with acl acl"],
  ["an ACL on a plain file", "setfacl -n -m user:1:r,mask::r file", "file acl"],
  ["an ACL mask", "setfacl -m mask::rw 'with acl'", "with acl acl", "with acl mode"],
  ["an ACL removed", "setfacl -b 'with acl'", "with acl acl"],
  ["a default ACL changed", "setfacl -d -m user:1:r folder", "folder default acl"],
  ["a default ACL removed", "setfacl -k folder", "folder default acl"],
  ["an xattr's value", "setfattr -n user.one -v 2 'with xattrs'", "with xattrs xattr user.one"],
  ["an xattr's value of none", "setfattr -n user.empty -v 0x00 'with xattrs'", "with xattrs xattr user.empty"],
  ["an empty xattr removed", "setfattr -x user.empty 'with xattrs'", "with xattrs xattr user.empty"],
  ["an xattr added", "setfattr -n user.new file", "file xattr user.new"],
  ["an xattr of a folder", "setfattr -n user.folder -v g folder", "folder xattr user.folder"],
  ["a link's target", "ln -sfn fold 'link to a folder'", "link to a folder target"],
  ["a link made absolute", "ln -sfn /folder 'link to a folder'", "link to a folder target"],
  ["a file become a folder", "rm file; mkdir file", "file type"],
  [
    "a folder become a link to its new place",
    "mv folder x; ln -s x folder",
    ...["folder type", "folder/\n😀 presence", "folder/inside presence"],
    ...["x presence", "x/\n😀 presence", "x/inside presence"],
  ],
  ["a fifo become a file", "rm fifo; touch fifo; chmod 600 fifo", "fifo type"],
  ["a hard link become a copy", "cp -a a2 x; mv x a2", "a1 hard link", "a2 hard link"],
  ["a hard-linked link become a copy", "cp -a link x; mv x link", "link hard link", "same link hard link"],
  ["a file become a hard link", "ln -f a1 b2", "b1 hard link", "b2 hard link"],
  ["two groups of hard links become one", "ln -f a1 b1; ln -f a1 b2", "b1 hard link", "b2 hard link"],
  [
    "hard links swapped between groups",
    "ln a2 x; ln -f b2 a2; mv -T x b2",
    "a2 hard link",
    "b1 hard link",
    "b2 hard link",
  ],
  ["a hole filled with zeros", "dd if=/dev/zero of=sparse bs=4096 seek=5 count=1 conv=notrunc", "sparse holes"],
  ["all holes filled", "cp -a --sparse=never sparse x; mv x sparse", "sparse holes"],
  ["zeros become a hole", "fallocate --punch-hole --offset 4096 --length 4096 zeros", "zeros holes"],
  ["all zeros become holes", "cp --sparse=always --preserve=all zeros x; mv x zeros", "zeros holes"],
  ["a missing file", "rm file", "file presence"],
  ["a missing folder", "rm -r folder", "folder presence", "folder/\n😀 presence", "folder/inside presence"],
  ["an extra file", "touch extra", "extra presence"],
  ["an extra file in a folder", "touch folder/extra", "folder/extra presence"],
  ["an extra file with a name that is not UTF-8", "touch $(printf 'extra\\377')", "extra\xff presence"],
  ["a name in another case", "mv file File", "File presence", "file presence"],
  ["a name cut at its new line", "mv folder/*😀 folder/😀", "folder/\n😀 presence", "folder/😀 presence"],
];

/** Changes after which the time is not set again. */
export const changesOfTime: Change[] = [
  ["a file's time by a nanosecond", "touch -d @1700000000.000000002 file", "file modified"],
  ["a folder's time", "touch -d @1700000000 folder", "folder modified"],
  ["a link's time", "touch -h -d @1700000000.1 'link to a folder'", "link to a folder modified"],
  ["a fifo's time, before 1970", "touch -h -d @-1.5 fifo", "fifo modified"],
];

export const changesByRoot: Change[] = [
  ["a user", "chown 2 owned", "owned user"],
  ["a user without an account", "chown 4242424 owned", "owned user"],
  ["a group", "chgrp 2 owned", "owned group"],
  ["a link's user", "chown -h 2 'owned link'", "owned link user"],
  ["a link's group", "chgrp -h 2 'owned link'", "owned link group"],
  ["a link's xattr", "setfattr -h -n trusted.link -v m 'owned link'", "owned link xattr trusted.link"],
  ["a capability changed", "setcap cap_net_raw+eip capable", "capable xattr security.capability"],
  ["a capability removed", "setcap -r capable", "capable xattr security.capability"],
  ["a device's major number", "rm device; mknod -m 600 device c 2 5", "device device"],
  ["a device's minor number", "rm device; mknod -m 600 device c 1 6", "device device"],
  ["a device's kind", "rm device; mknod -m 600 device b 1 5", "device type"],
];
