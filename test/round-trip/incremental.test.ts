/** Runs one after the other over a tree that changes: each restores the tree as it was. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parseManifestKey } from "../../core/format/keys/keys.ts";
import { scratch } from "../support/faults/scratch.ts";
import { run } from "../support/services/command.ts";
import { buildTree } from "../support/tree/build.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree } from "../support/tree/describe.ts";
import { type Children, file, folder, hardLink, link } from "../support/tree/literal.ts";
import { MiB, mixedFiles } from "./data.ts";
import { archive, lostBy, requestsOf } from "./loop.ts";
import { places } from "./places.ts";

const minutes = 60_000;
const bytes = 4 * MiB;

const changing: Children = {
  appended: file({ random: 3 * MiB, seed: 1 }),
  cut: file({ random: 2 * MiB, seed: 2 }),
  edited: file({ random: 2 * MiB, seed: 3 }),
  "edited, its time kept": file("old content\n"),
  emptied: file("something"),
  deleted: file("soon gone\n"),
  "deleted folder": folder({ with: folder({ something: file("in it") }) }),
  renamed: file({ random: MiB, seed: 4 }),
  "moved folder": folder({ a: file("a"), b: file({ random: MiB, seed: 5 }) }),
  chmodded: file("mode"),
  touched: file("time"),
  "touched folder": folder({ inside: file("") }),
  "file, then folder": file("a file"),
  "folder, then file": folder({ inside: file("inside") }),
  "file, then link": file("a file"),
  "link, then file": link("touched"),
  relinked: link("touched"),
  linked: file("two names\n"),
  "other name": hardLink("linked"),
  "soon linked": file("one name\n"),
  with: folder({ attributes: file("x", { xattrs: { "user.a": "1" } }) }),
};

const changes = `
  head -c 100000 /dev/urandom >> appended
  truncate -s 1000000 cut
  printf 'in the middle' | dd of=edited bs=1 seek=1000000 conv=notrunc status=none
  touch -r 'edited, its time kept' stamp
  printf 'new content\\n' > 'edited, its time kept'
  touch -r stamp 'edited, its time kept'
  rm stamp
  : > emptied
  rm -r deleted 'deleted folder'
  mv renamed 'renamed to this'
  mkdir deep
  mv 'moved folder' deep/moved
  chmod 4751 chmodded
  touch -d '2001-02-03 04:05:06.789012345' touched 'touched folder'
  rm 'file, then folder'
  mkdir 'file, then folder'
  printf new > 'file, then folder/inside'
  rm -r 'folder, then file'
  printf 'a file now' > 'folder, then file'
  ln -sf touched 'file, then link'
  rm 'link, then file'
  printf 'no link' > 'link, then file'
  ln -sfn chmodded relinked
  rm 'other name'
  cp -a linked 'other name'
  ln 'soon linked' 'its other name'
  setfattr -n user.a -v 2 with/attributes
  printf added > added
  mkdir 'added folder'
`;

for (const place of places) {
  for (const layout of ["packs", "objects"]) {
    describe.skipIf(place.absent)(`a tree that changes, ${place.name}, ${layout}`, () => {
      test(
        "a tree that changes comes back as it was at each run; a run over what did not change costs five requests at most",
        async () => {
          await using dir = await scratch();
          const tree = join(dir.path, "tree");
          await mixedFiles(join(tree, "steady"), bytes, 160);
          await buildTree(join(tree, "changing"), changing);
          const { conf } = await place.configure(dir.path, {
            sections: { content: { layout } },
            pickers: { all: `exec find '${tree}' -print0` },
          });

          const old = await describeTree(tree);
          const first = await archive(conf);
          const unchanged = await archive(conf);
          expect(unchanged).toMatchObject({ objectsStored: 0, files: first.files });
          expect(requestsOf(unchanged)).toBeLessThanOrEqual(5);

          await run(["sh", "-ec", `cd "$0" && ${changes}`, join(tree, "changing")]);
          const changed = await describeTree(tree);
          expect(compareTrees(old, changed).length).toBeGreaterThan(20);
          const second = await archive(conf);
          expect(second.bytesStored).toBeGreaterThan(0);
          expect(second.bytesStored).toBeLessThan(8 * MiB);
          // What was just changed may be read again, as it might have changed within the same tick of the clock.
          const settled = await archive(conf);
          expect(settled).toMatchObject({ objectsStored: 0, files: second.files });
          expect(requestsOf(settled)).toBeLessThanOrEqual(5);

          const at = ({ key }: { readonly key: string }) => {
            const { stamp, run } = parseManifestKey(key) ?? {};
            // Two runs over a small tree may begin in one second.
            return `test@${stamp}-${run}`;
          };
          expect(await lostBy(conf, { tree, expected: changed })).toEqual([]);
          expect(await lostBy(conf, { tree, expected: old, manifest: at(unchanged) })).toEqual([]);
        },
        5 * minutes,
      );
    });
  }
}
