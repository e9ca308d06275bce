/** Tests of what the round-trip tests stand on: does the comparer see every change, and nothing else? */
import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type ByteString, fromText } from "../../core/format/path.ts";
import { scratch } from "./faults/scratch.ts";
import { run } from "./services/command.ts";
import { has, isRoot } from "./services.ts";
import { buildTree } from "./tree/build.ts";
import { type Change, changes, changesByRoot, changesOfTime, children, childrenByRoot, stamp } from "./tree/changes.ts";
import { type CompareOptions, compareTrees, type Difference } from "./tree/compare.ts";
import { describePaths, describeTree, type Tree } from "./tree/describe.ts";

const hasTools = ["python3", "setfacl", "setfattr", "fallocate"].every(has);
const byRoot = isRoot && has("setcap");
const several: Change = ["several things", "chmod 600 file; setfattr -n user.x file; printf x >> file; rm fifo"];
const stamped = [...changes, ...(byRoot ? changesByRoot : []), several];
const changed = [...stamped, ...changesOfTime];

describe.skipIf(!hasTools)("a copied tree differs after a change of", () => {
  let original: Tree;
  let copies: readonly Tree[];

  beforeAll(async () => {
    await using place = await scratch();
    const root = join(place.path, "original");
    await buildTree(root, { ...children, ...(byRoot ? childrenByRoot : {}) });
    await run(["touch", "-d", stamp, root]);
    await run(["bash", "-c", ['cd "$0"', ...changed.map(copyAndChange)].join("\n"), place.path]);
    // All at once, because starting python3 takes longer than its work.
    const found = await describeTree("/", { under: place.path });
    original = within(found, "/original");
    copies = changed.map((_, number) => within(found, `/${number}`));
  });

  function differences(name: string, options?: CompareOptions): Difference[] {
    const copy = copies[changed.findIndex(([other]) => other === name)];
    if (copy === undefined) throw new Error("there is no copy with this change");
    return compareTrees(original, copy, options);
  }

  function reported(name: string, options?: CompareOptions): string[] {
    return differences(name, options)
      .map(({ path, attribute }) => `${path.slice(1)} ${attribute}`)
      .sort();
  }

  test.each([...changes, ...changesOfTime])("a copied tree differs after a change of: %s", (name, _, ...lines) => {
    expect(reported(name)).toEqual(inBytes(lines));
  });

  test.skipIf(!byRoot).each(changesByRoot)("a copied tree differs after a change of: %s", (name, _, ...lines) => {
    expect(reported(name)).toEqual(inBytes(lines));
  });

  test("a copied tree differs after a change of several things: all are reported", () => {
    expect(reported(several[0])).toEqual(["fifo presence", "file mode", "file size", "file xattr user.x"]);
  });

  test("a copied tree differs after a change of several things: what is ignored is not reported", () => {
    expect(reported(several[0], { ignore: ["mode", "xattrs"] })).toEqual(["fifo presence", "file size"]);
  });

  test("a mode: reports the expected and the found one", () => {
    const path = fromText("/file");
    expect(differences("setuid")).toEqual([{ path, attribute: "mode", expected: "0644", found: "4644" }]);
  });
});

describe.skipIf(!hasTools)("trees are not the same when", () => {
  test("trees are not the same when nothing was expected", () => {
    expect(() => compareTrees(new Map(), new Map())).toThrow("nothing is expected");
  });

  test("trees are not the same when neither side could be read", async () => {
    await using place = await scratch();
    await run(["bash", "-c", 'cd "$0"; touch file; mkdir folder', place.path]);
    const tree = await describeTree("/", { under: place.path });
    const found = new Map(
      [...tree].filter(([path]) => path !== "/").map(([path, it]) => [path, { ...it, unreadable: "denied" }]),
    );
    expect(compareTrees(found, found).map(({ path, attribute }) => `${path} ${attribute}`)).toEqual([
      "/file readable",
      "/folder readable",
    ]);
  });
});

describe.skipIf(!hasTools)("trees are the same when", () => {
  test("a hard link was to a name that is not among what is compared", async () => {
    await using place = await scratch();
    await run(["bash", "-c", 'cd "$0"; mkdir a b; touch a/one; ln a/one a/two; cp -a a/one b/', place.path]);
    const one = [fromText("/one")];
    const [a, b] = await Promise.all(["a", "b"].map((name) => describePaths(one, { under: join(place.path, name) })));
    expect(compareTrees(a ?? new Map(), b ?? new Map())).toEqual([]);
  });
});

/** Fails with the name of the change if one of its commands fails, so that every change was really made. */
function copyAndChange(change: Change, number: number): string {
  const [name, command] = change;
  const stamping = stamped.includes(change) ? `find . -exec touch -h -m -d ${stamp} {} +` : "true";
  const steps = `set -e; cp -a original ${number}; cd ${number}; ${command}; ${stamping}`;
  return `( ${steps} ); [ $? = 0 ] || { echo "change failed: ${name}" >&2; exit 1; }`;
}

/** The folder as a tree of its own. */
function within(tree: Tree, folder: string): Tree {
  const inside = [...tree].filter(([path]) => path === folder || path.startsWith(`${folder}/`));
  return new Map(
    inside.map(([path, found]) => {
      const short = path === folder ? fromText("/") : (path.slice(folder.length) as ByteString);
      return [short, { ...found, path: short }];
    }),
  );
}

/** Changes are given as text, except for a byte that is not UTF-8; the comparer's paths have a character a byte. */
function inBytes(lines: readonly string[]): string[] {
  return lines.map((line) => (line.includes("\xff") ? line : fromText(line))).sort();
}
