/** Tests of what the round-trip tests stand on: does the comparer see every change, and nothing else? */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { fromText, toBytes } from "../../core/format/path.ts";
import { type Scratch, scratch } from "./faults/scratch.ts";
import { run } from "./services/command.ts";
import { has, isRoot } from "./services.ts";
import { buildTree } from "./tree/build.ts";
import { type CompareOptions, compareTrees } from "./tree/compare.ts";
import { type Description, describePaths, describeTree, type Tree, withoutSockets } from "./tree/describe.ts";
import {
  type Attributes,
  type Children,
  device,
  fifo,
  file,
  folder,
  hardLink,
  link,
  sparseFile,
} from "./tree/literal.ts";
import { nastyTree } from "./tree/nasty.ts";

const hasTools = ["python3", "setfacl", "getfacl", "setfattr", "getfattr"].every(has);
const mayDoAll = isRoot && has("setcap");

const at: Attributes = { modified: [1_700_000_000, 1] };
const stamp = "@1700000000.000000001";
const block = 4096;

/** One of each, all of the same time. */
const children: Children = {
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
  one: file("linked\n", at),
  two: hardLink("one"),
  three: file("linked\n", at),
  four: hardLink("three"),
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

const rootChildren: Children = {
  owned: file("", { ...at, uid: 1, gid: 1 }),
  "owned link": link("file", { ...at, uid: 1, gid: 1, xattrs: { "trusted.link": "l" } }),
  capable: file("", { ...at, capabilities: "cap_net_raw+ep" }),
  device: device("character device", [1, 5], at),
};

/** What is done (in the copied tree, after which all is stamped with the same time again), and what must be told. */
type Change = readonly [name: string, command: string, ...told: string[]];

const changes: Change[] = [
  ["nothing", "true"],
  ["a file's access time", "touch -a -d @1000000000 file"],
  ["one byte of content", "printf S | dd of=file conv=notrunc", "file bytes"],
  ["a byte more", "printf x >> file", "file size"],
  ["a byte less", "truncate -s -1 file", "file size"],
  ["a length grown by a hole", "truncate -s +4096 sparse", "sparse size"],
  ["content of a file in a folder", "printf I | dd of=folder/inside conv=notrunc", "folder/inside bytes"],
  ["content behind a hard link", "printf L | dd of=two conv=notrunc", "one bytes", "two bytes"],
  ["mode of a file", "chmod 600 file", "file mode"],
  ["mode of a folder", "chmod 700 folder", "folder mode"],
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
  ["a folder become a link", "mv folder x; ln -s x folder", ...["folder type", "folder/\n😀 presence"], ...moved()],
  ["a fifo become a file", "rm fifo; touch fifo; chmod 600 fifo", "fifo type"],
  ["a hard link become a copy", "cp -a two x; mv x two", "one hard link", "two hard link"],
  ["a hard-linked link become a copy", "cp -a link x; mv x link", "link hard link", "same link hard link"],
  ["a file become a hard link", "ln -f one four", "four hard link", "three hard link"],
  ["two groups of hard links become one", "ln -f one three; ln -f one four", "four hard link", "three hard link"],
  ["hard links swapped between groups", "ln two x; ln -f four two; mv x four", "four hard link", "two hard link"],
  ["a hole filled with zeros", "dd if=/dev/zero of=sparse bs=4096 seek=5 count=1 conv=notrunc", "sparse holes"],
  ["all holes filled", "cp -a --sparse=never sparse x; mv x sparse", "sparse holes"],
  ["zeros become a hole", "fallocate --punch-hole --offset 4096 --length 4096 zeros", "zeros holes"],
  ["data moved into a hole", "cp --sparse=always --preserve=all zeros x; mv x zeros", "zeros holes"],
  ["a missing file", "rm file", "file presence"],
  ["a missing folder", "rm -r folder", "folder presence", "folder/\n😀 presence", "folder/inside presence"],
  ["an extra file", "touch extra", "extra presence"],
  ["an extra file in a folder", "touch folder/extra", "folder/extra presence"],
  ["an extra file with a name that is not UTF-8", "touch $(printf 'extra\\377')", "extra\xff presence"],
  ["a name in another case", "mv file File", "File presence", "file presence"],
  ["a name cut at its new line", "mv folder/*😀 folder/😀", "folder/\n😀 presence", "folder/😀 presence"],
];

/** The time is stamped before these. */
const lateChanges: Change[] = [
  ["a file's time by a nanosecond", "touch -d @1700000000.000000002 file", "file modified"],
  ["a folder's time", "touch -d @1700000000 folder", "folder modified"],
  ["a link's time", "touch -h -d @1700000000.1 'link to a folder'", "link to a folder modified"],
  ["a fifo's time, before 1970", "touch -h -d @-1.5 fifo", "fifo modified"],
  ["the root folder's mode", "chmod 700 .", " mode"],
];

const rootChanges: Change[] = [
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

function moved(): string[] {
  return ["folder/inside presence", "x presence", "x/\n😀 presence", "x/inside presence"];
}

describe.skipIf(!hasTools)("a copied tree, after a change of", () => {
  let place: Scratch;
  let original: Tree;

  beforeAll(async () => {
    place = await scratch();
    const root = join(place.path, "original/tree");
    await buildTree(root, { ...children, ...(mayDoAll ? rootChildren : {}) });
    await run(["touch", "-d", stamp, root]);
    original = await describeTree("/tree", { under: join(place.path, "original") });
  });
  afterAll(() => place[Symbol.asyncDispose]());

  async function copied(change: string, late = "true"): Promise<Tree> {
    const copy = join(place.path, "copy");
    const steps = [`{ ${change}; }`, `find . -exec touch -h -m -d ${stamp} {} +`, `{ ${late}; }`];
    const enter = ["rm -rf copy", "cp -a original copy", "cd copy/tree"].map((step) => `${step} && `).join("");
    await run(["bash", "-e", "-c", `cd "$0" && ${enter} ${steps.join(" && ")}`, place.path]);
    return describeTree("/tree", { under: copy });
  }

  function told(found: Tree, options?: CompareOptions): string[] {
    const differences = compareTrees(original, found, options);
    return differences.map(({ path, attribute }) => `${path.slice("/tree/".length)} ${attribute}`).sort();
  }

  const expected = (texts: readonly string[]) =>
    // Written as text above; the comparer's paths have a character for each byte.
    texts.map((text) => (text.includes("\xff") ? text : fromText(text))).sort();

  test.each(changes)("%s", async (_, command, ...texts) => {
    expect(told(await copied(command))).toEqual(expected(texts));
  });

  test.each(lateChanges)("%s", async (_, command, ...texts) => {
    expect(told(await copied("true", command))).toEqual(expected(texts));
  });

  test.skipIf(!mayDoAll).each(rootChanges)("%s", async (_, command, ...texts) => {
    expect(told(await copied(command))).toEqual(expected(texts));
  });

  test("what is ignored: the rest is told", async () => {
    const found = await copied("chmod 600 file; setfattr -n user.x -v 1 file; printf S | dd of=file conv=notrunc");
    expect(told(found, { ignore: ["mode", "xattrs"] })).toEqual(["file bytes"]);
  });

  test("a mode: tells what was expected and what was found", async () => {
    expect(compareTrees(original, await copied("chmod 4600 file"))).toEqual([
      { path: fromText("/tree/file"), attribute: "mode", expected: "0644", found: "4600" },
    ]);
  });
});

describe.skipIf(!hasTools)("descriptions", () => {
  async function described(literal: Children): Promise<Description | undefined> {
    await using place = await scratch();
    await buildTree(place.path, literal);
    const [, found] = [...(await describeTree("/", { under: place.path })).values()];
    return found;
  }

  test("a file has its attributes as they were given", async () => {
    const literal = file("x", {
      mode: 0o2751,
      acl: "user:3000000000:rw,group::x,mask::rx",
      xattrs: { "user.a": "é" },
      modified: [-1, 999_999_999],
    });
    expect(await described({ name: literal })).toMatchObject({
      path: fromText("/name"),
      type: "file",
      mode: 0o2751,
      modified: "-1",
      acl: "group::--x\nmask::r-x\nother::--x\nuser:3000000000:rw-\nuser::rwx",
      xattrs: { "user.a": "c3a9" },
      size: 1,
      data: [[0, 1]],
    });
  });

  test("a link has its own time and the bytes of its target", async () => {
    expect(await described({ name: link("\udcff/é", { modified: [2 ** 32, 1] }) })).toMatchObject({
      type: "link",
      target: "\xff/Ã©",
      modified: "4294967296000000001",
    });
  });

  test("bytes are told apart from holes: the digest of zeros is that of a hole of the same length", async () => {
    const zeros = await described({ name: file({ repeat: "\0", times: 3 * block }) });
    const hole = await described({ name: sparseFile(3 * block, []) });
    expect([zeros?.digest, zeros?.data]).toEqual([hole?.digest, [[0, 3 * block]]]);
    expect(hole?.data).toEqual([]);
  });

  test("the same bytes at another offset have another digest", async () => {
    const far = (at: number) => sparseFile(4 * 1024 ** 2, [{ at, bytes: "x" }]);
    const [one, other] = [await described({ name: far(0) }), await described({ name: far(2 * 1024 ** 2) })];
    expect(one?.digest).not.toEqual(other?.digest);
  });

  test("named paths alone are described, without those that are missing or lie behind a link", async () => {
    await using place = await scratch();
    await buildTree(place.path, { folder: folder({ one: file(), two: file() }), link: link("folder") });
    const paths = ["/folder/one", "/folder/three", "/link/two", "/link", "/folder/one/more"].map(fromText);
    const found = await describePaths(paths, { under: place.path });
    expect([...found.keys()].sort()).toEqual(["/folder/one", "/link"].map(fromText));
  });

  test.skipIf(isRoot)("what cannot be read is a difference, also from itself", async () => {
    await using place = await scratch();
    await buildTree(place.path, { closed: file("x", { mode: 0 }) });
    const found = await describeTree(place.path);
    expect(compareTrees(found, found).map(({ attribute }) => attribute)).toEqual(["readable"]);
  });

  test("comparing with nothing is refused", () => {
    expect(() => compareTrees(new Map(), new Map())).toThrow("nothing is expected");
  });

  test("sockets can be left out of what is expected", async () => {
    await using place = await scratch();
    await buildTree(place.path, { socket: { type: "socket", attributes: {} }, file: file() });
    const found = await describeTree(place.path);
    expect([...withoutSockets(found).values()].map(({ type }) => type).sort()).toEqual(["file", "folder"]);
    expect(found.size).toBe(3);
  });
});

describe.skipIf(!hasTools)("the nasty tree", () => {
  const sparse = 10 * 1024 ** 3;
  let place: Scratch;
  let tree: Tree;
  const root = () => join(place.path, "original");

  beforeAll(async () => {
    place = await scratch();
    await nastyTree(root(), { root: mayDoAll, sparse });
    tree = await describeTree(root());
  });
  afterAll(() => place[Symbol.asyncDispose]());

  test("is the same as a copy by cp", async () => {
    await run(["bash", "-e", "-c", 'cd "$0"; mkdir c; cp -a original c/original', place.path]);
    const copy = await describeTree("/original", { under: join(place.path, "c") });
    const expected = await describeTree("/original", { under: place.path });
    expect(compareTrees(expected, copy)).toEqual([]);
  });

  test("is described as find does", async () => {
    const fields = ["p", "y", "m", "U", "G", "s", "l"].map((field) => `%${field}\\0`).join("");
    const child = Bun.spawn(["find", root(), "-printf", fields]);
    const parts = Buffer.from(await child.stdout.bytes())
      .toString("latin1")
      .split("\0");
    expect(parts.length).toBe(tree.size * 7 + 1);
    const letters: Record<string, Description["type"]> = {
      ...{ f: "file", d: "folder", l: "link", p: "fifo", s: "socket" },
      ...{ c: "character device", b: "block device" },
    };
    for (let start = 0; start + 7 < parts.length; start += 7) {
      const [path = "", letter = "", mode = "", uid, gid, size, target] = parts.slice(start, start + 7);
      const found = [...describedAt(path)];
      const length = letter === "f" ? size : undefined;
      expect(found).toEqual([letters[letter], Number.parseInt(mode, 8), uid, gid, length, target]);
    }
  });

  function* describedAt(path: string) {
    for (const found of [tree.get(fromLatin(path))]) {
      yield found?.type;
      yield found?.mode;
      yield found?.uid.toString();
      yield found?.gid.toString();
      yield found?.size?.toString();
      yield found?.target ?? "";
    }
  }

  function fromLatin(path: string) {
    return [...tree.keys()].find((key) => key === path) ?? fromText("missing");
  }

  test("has what getfacl tells", async () => {
    const withAcl = [...tree.values()].filter(({ acl, defaultAcl }) => acl !== undefined || defaultAcl !== undefined);
    expect(withAcl.length).toBeGreaterThan(5);
    for (const { path, acl, defaultAcl } of withAcl) {
      const text = await run(["getfacl", "-n", "-p", "-c", "-E", toBytes(path).toString()]);
      const lines = text.split("\n").filter(Boolean);
      const ofDefault = lines
        .filter((line) => line.startsWith("default:"))
        .map((line) => line.slice("default:".length));
      if (acl !== undefined)
        expect(
          lines
            .filter((line) => !line.startsWith("default:"))
            .sort()
            .join("\n"),
        ).toBe(acl);
      expect(ofDefault.sort().join("\n")).toBe(defaultAcl ?? "");
    }
  });
});
