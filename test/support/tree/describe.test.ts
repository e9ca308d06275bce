/** The describer against what was asked to be made. */
import { describe, expect, test } from "bun:test";
import { fromText } from "../../../core/format/path.ts";
import { scratch } from "../faults/scratch.ts";
import { has } from "../services.ts";
import { buildTree } from "./build.ts";
import { type Description, describePaths, describeTree, withoutSockets } from "./describe.ts";
import { fifo, file, folder, link, type Node, raw, socket, sparseFile } from "./literal.ts";

const block = 4096;

describe.skipIf(!["python3", "setfacl"].every(has))("a description", () => {
  /** Descriptions by file name. */
  async function described(nodes: Readonly<Record<string, Node>>): Promise<Record<string, Description>> {
    await using place = await scratch();
    await buildTree(place.path, nodes);
    const found = await describeTree("/", { under: place.path });
    return Object.fromEntries([...found].map(([path, one]) => [path.slice(1), one]));
  }

  test("the description of a file has its attributes as they were set", async () => {
    const literal = file("x", {
      mode: 0o2751,
      acl: "user:3000000000:rw,group::x,mask::rx",
      xattrs: { "user.a": "é", "user.empty": "" },
      modified: [-1, 999_999_999],
    });
    expect((await described({ name: literal })).name).toMatchObject({
      path: fromText("/name"),
      type: "file",
      mode: 0o2751,
      modified: "-1",
      acl: "group::--x\nmask::r-x\nother::--x\nuser:3000000000:rw-\nuser::rwx",
      xattrs: { "user.a": "c3a9", "user.empty": "" },
      size: 1,
      data: [[0, 1]],
    });
  });

  test("the description of a folder has its default ACL and its own time", async () => {
    const literal = folder({ inside: file("") }, { defaultAcl: "user::rwx,group::rx,other::-", modified: [0, 1] });
    expect((await described({ name: literal })).name).toMatchObject({
      type: "folder",
      defaultAcl: "group::r-x\nother::---\nuser::rwx",
      modified: "1",
    });
  });

  test("the description of a link has its own time and the bytes of its target", async () => {
    const literal = link(`${raw(0xff)}/é`, { modified: [2 ** 32, 1] });
    expect((await described({ name: literal })).name).toMatchObject({
      type: "link",
      target: "\xff/\xc3\xa9",
      modified: "4294967296000000001",
    });
  });

  test("zeros and holes have different descriptions with the same digest", async () => {
    const { zeros, hole } = await described({
      zeros: file({ repeat: "\0", times: 3 * block }),
      hole: sparseFile(3 * block, []),
    });
    expect(zeros?.digest).toBe(hole?.digest ?? "none");
    expect([zeros?.data, hole?.data]).toEqual([[[0, 3 * block]], []]);
  });

  test("the same bytes at other offsets have different descriptions", async () => {
    const at = (offset: number) => sparseFile(4 * 1024 ** 2, [{ at: offset, bytes: "x" }]);
    const found = await described({ start: at(0), later: at(1), "in another block": at(2 * 1024 ** 2) });
    expect(new Set(Object.values(found).map(({ digest }) => digest)).size).toBe(4);
  });

  test("the description of a fifo or a socket does not wait for a writer", async () => {
    const found = await described({ fifo: fifo(), socket: socket() });
    expect([found.fifo?.type, found.socket?.type]).toEqual(["fifo", "socket"]);
  });

  test("a socket is left out of what a restore should restore", async () => {
    await using place = await scratch();
    await buildTree(place.path, { fifo: fifo(), socket: socket() });
    const found = withoutSockets(await describeTree("/", { under: place.path }));
    expect([...found.keys()].sort()).toEqual(["/", "/fifo"].map(fromText));
  });

  test("a description of named paths leaves out missing ones, and follows no links", async () => {
    await using place = await scratch();
    await buildTree(place.path, { folder: folder({ one: file(), two: file() }), link: link("folder") });
    const paths = ["/folder/one", "/folder/three", "/link/two", "/link", "/folder/one/more"].map(fromText);
    const found = await describePaths(paths, { under: place.path });
    expect([...found.keys()].sort()).toEqual(["/folder/one", "/link"].map(fromText));
  });

  test("the description of a missing folder is empty", async () => {
    await using place = await scratch();
    expect((await describeTree("/missing", { under: place.path })).size).toBe(0);
  });
});
