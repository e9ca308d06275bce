/** Links of both kinds. `root` is the folder that gets these children. */
import { type Children, fifo, file, folder, hardLink, link, raw } from "../literal.ts";

export function nastyLinks(root: string): Children {
  return {
    "a file": file("linked to\n"),
    "a folder": folder({ inside: file("inside\n"), "to the file above": link("../a file") }),
    relative: link("a file"),
    absolute: link(`${root}/a file`),
    "by a detour": link("../symbolic/./a folder/../a file"),
    "to a folder": link("a folder"),
    "to a folder, with slash": link("a folder/"),
    "to the root": link("/"),
    // A device outside the tree: must not be opened and read.
    "to a device": link("/dev/zero"),
    dangling: link("nothing here"),
    "dangling below a file": link("a file/nothing"),
    "to itself": link("to itself"),
    "loop a": link("loop b"),
    "loop b": link("loop a"),
    // Never ends for those who follow folders.
    "to its own folder": link("."),
    "to the folder above": link(".."),
    // Each step is through a parent that is a link itself, so a target resolved against the wrong one leads nowhere.
    chain: folder({
      start: link("by way/next"),
      "by way": link("real/folder"),
      real: folder({ folder: folder({ next: link("../../to the end/last") }), last: link("../../a file") }),
      "to the end": link("real"),
    }),
    [`to ${raw(0xff)}`]: link(`not UTF-8 ${raw(0xe9, 0xff)}`),
    "to a new line": link("new\nline"),
    "to a blank": link(" "),
    // Nearly all that a target can hold (4,095 bytes); the one with many steps is followed longest.
    "far away": link("x/".repeat(2000)),
    // A single name that no filesystem can hold: ENAMETOOLONG rather than ENOENT for those who follow.
    "too far away": link("y".repeat(4000)),
    "with its own time": link("a file", { modified: [-1_234_567, 890_000_001] }),
  };
}

/** Groups of names for one thing: one object stored, one inode restored. `at` is the path of these from the root. */
export function nastyHardLinks(at: string): Children {
  return {
    one: file("two names in one folder\n"),
    two: hardLink(`${at}/one`),
    // Equal content and attributes, but another group.
    "one again": file("two names in one folder\n"),
    "two again": hardLink(`${at}/one again`),
    // Across folders; the first name in byte order is not the one that was made first.
    z: folder({ big: file({ random: 300_000, seed: 10 }, { mode: 0o640 }) }),
    a: folder({ "big too": hardLink(`${at}/z/big`) }),
    m: folder({ "third name of big": hardLink(`${at}/z/big`) }),
    // No content, so nothing to recognise it by.
    empty: file(""),
    "empty too": hardLink(`${at}/empty`),
    "empty, but not linked": file(""),
    // Links have inodes as well.
    link: link("one"),
    "same link": hardLink(`${at}/link`),
    "equal link, but not the same": link("one"),
    // And so have nodes.
    fifo: fifo(),
    "same fifo": hardLink(`${at}/fifo`),
    // The first name in byte order, by which the others are restored, need not be UTF-8.
    [raw(0x80)]: file("names of two encodings\n"),
    é: hardLink(`${at}/${raw(0x80)}`),
  };
}
