import { expect, test } from "bun:test";
import fc from "fast-check";
import type { HeadEntry } from "../../../../core/format/entries/entry-json.ts";
import { TornFolders } from "../../../../core/format/entries/torn-folders.ts";
import { fromText } from "../../../../core/format/path.ts";

const name = fc
  .array(fc.constantFrom("a", "b", "-", "~"), { minLength: 1, maxLength: 2 })
  .map((letters) => letters.join(""));
const someTrees = fc.array(fc.array(name, { minLength: 1, maxLength: 4 }), { maxLength: 25 });

/** All folders above the given paths, and the paths themselves as folders, in byte order. */
function withFoldersAbove(paths: readonly (readonly string[])[]): string[] {
  const all = paths.flatMap((names) => names.map((_, at) => `/${names.slice(0, at + 1).join("/")}`));
  return [...new Set(["/", ...all])].sort();
}

/** By the definition: something that is not inside lies between the folder and the last of its content. */
function isTorn(folder: string, paths: readonly string[]): boolean {
  const inside = paths.map((path) => path !== folder && path.startsWith(folder === "/" ? "/" : `${folder}/`));
  return inside.filter(Boolean).length < inside.lastIndexOf(true) - paths.indexOf(folder);
}

function folderAt(path: string): HeadEntry {
  return {
    type: "folder",
    path: fromText(path),
    owner: { user: "root", group: "root", uid: 0, gid: 0 },
    mode: 0o755,
    modified: { seconds: 0, nanoseconds: 0 },
    acl: undefined,
    xattrs: new Map(),
  };
}

test("exactly the folders whose content does not follow them at once come again, each behind its content", () => {
  fc.assert(
    fc.property(someTrees, (tree) => {
      const paths = withFoldersAbove(tree);
      const torn = new TornFolders();
      const again: string[] = [];
      for (const path of paths) {
        for (const { path: over } of torn.before(fromText(path))) {
          expect(path.startsWith(`${over}/`)).toBe(false);
          again.push(over);
        }
        torn.add(folderAt(path));
      }
      again.push(...torn.rest().map(({ path }) => path));
      expect(again.toSorted()).toEqual(paths.filter((path) => isTorn(path, paths)));
    }),
    { numRuns: 300 },
  );
});

test("folders ten thousand levels deep cost one look each", () => {
  const torn = new TornFolders();
  let path = "";
  const started = process.cpuUsage();
  for (let level = 0; level < 10_000; level += 1) {
    path += "/a";
    expect(torn.before(fromText(path))).toEqual([]);
    torn.add(folderAt(path));
  }
  // The processor's time: on a busy machine, it takes longer.
  const { user, system } = process.cpuUsage(started);
  expect((user + system) / 1_000).toBeLessThan(5_000);
});
