/** The nasty tree can be made, and the describer sees of it what the machine's own tools see. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { fromBytes, toText } from "../../../core/format/path.ts";
import { type Scratch, scratch } from "../faults/scratch.ts";
import { run } from "../services/command.ts";
import { has, isRoot } from "../services.ts";
import { compareTrees } from "./compare.ts";
import { type Description, describeTree, type Tree } from "./describe.ts";
import { nastyTree } from "./nasty.ts";

const hasTools = ["python3", "setfacl", "getfacl", "find"].every(has);
const byRoot = isRoot && has("setcap");

describe.skipIf(!hasTools)("the nasty tree", () => {
  let place: Scratch;
  let tree: Tree;

  beforeAll(async () => {
    place = await scratch();
    const root = join(place.path, "original");
    await nastyTree(root, { root: byRoot, sparse: 10 * 1024 ** 3, deepest: true });
    tree = await describeTree(root);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  test("the nasty tree has paths as long as Linux allows, names of 255 bytes, and takes little space", async () => {
    const lengths = [...tree.keys()].map((path) => path.length);
    expect(Math.max(...lengths)).toBe(4094);
    expect([...tree.keys()].some((path) => path.split("/").some((name) => name.length === 255))).toBe(true);
    const [kibibytes] = (await run(["du", "-sk", place.path])).split("\t");
    expect(Number(kibibytes)).toBeLessThan(64 * 1024);
  });

  test("the nasty tree has all types that this user can make", () => {
    const types = new Set([...tree.values()].map(({ type }) => type));
    expect(types.size).toBe(byRoot ? 7 : 5);
  });

  test("the nasty tree equals its copy by cp", async () => {
    // The copy's own root is shorter, because cp cannot go beyond PATH_MAX.
    await run(["bash", "-c", 'cd "$0" && mkdir c && cp -a original c/original', place.path]);
    const original = await describeTree("/original", { under: place.path });
    const copy = await describeTree("/original", { under: join(place.path, "c") });
    expect(copy.size).toBeGreaterThan(1000);
    // cp does not keep holes smaller than a block, of which filesystems make none.
    const reported = compareTrees(original, copy).filter(({ path }) => !path.endsWith("/smaller than a block"));
    expect(reported).toEqual([]);
  });

  test("the description of the nasty tree agrees with find", async () => {
    // Only the size of files is described.
    const format = ["-type", "f", "-printf", "%s\\0", "-o", "-printf", "-\\0"];
    const rest = ["p", "y", "m", "U", "G", "l"].map((field) => `%${field}\\0`).join("");
    const child = Bun.spawn(["find", join(place.path, "original"), "-printf", rest, "(", ...format, ")"]);
    const printed = fromBytes(await child.stdout.bytes()).split("\0");
    const rows = Array.from({ length: tree.size }, (_, row) => printed.slice(row * 7, row * 7 + 7).join("\0"));
    expect(rows.sort()).toEqual([...tree.values()].map(asFind).sort());
    expect(printed.length).toBe(tree.size * 7 + 1);
  });

  test("the description of the nasty tree has the ACLs of getfacl", async () => {
    const some = [...tree.values()].filter(({ acl, defaultAcl }) => acl !== undefined || defaultAcl !== undefined);
    expect(some.length).toBeGreaterThan(5);
    for (const { path, acl, defaultAcl } of some) {
      const lines = (await run(["getfacl", "-n", "-p", "-c", "-E", toText(path)])).split("\n").filter(Boolean);
      const [ofDefault, ofAccess] = [true, false].map((wanted) =>
        lines.filter((line) => line.startsWith("default:") === wanted).map((line) => line.replace("default:", "")),
      );
      if (acl !== undefined) expect(ofAccess?.sort()).toEqual(acl.split("\n"));
      expect(ofDefault?.sort()).toEqual(defaultAcl?.split("\n") ?? []);
    }
  });

  test.skipIf(!byRoot)("the description of the nasty tree has the capabilities of getcap", async () => {
    const reported = (await run(["getcap", "-r", join(place.path, "original/root's/capable")])).trim().split("\n");
    const capable = [...tree.values()].filter(({ xattrs }) => "security.capability" in xattrs);
    expect(reported.map((line) => line.replace(/ cap_.*$/, "")).sort()).toEqual(
      capable.map(({ path }) => toText(path)).sort(),
    );
  });
});

const letters = {
  file: "f",
  folder: "d",
  link: "l",
  fifo: "p",
  socket: "s",
  "character device": "c",
  "block device": "b",
} satisfies Record<Description["type"], string>;

function asFind({ path, type, mode, uid, gid, target, size }: Description): string {
  return [path, letters[type], mode.toString(8), uid, gid, target ?? "", size ?? "-"].join("\0");
}
