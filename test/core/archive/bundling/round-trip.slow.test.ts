/** A bundle comes back as it was, by this program and by GNU tar. */
import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { isRoot } from "../../../support/services.ts";
import { compareTrees } from "../../../support/tree/compare.ts";
import { describeTree, withoutSockets } from "../../../support/tree/describe.ts";
import { nastyTree } from "../../../support/tree/nasty.ts";
import { Rig } from "../rig.ts";
import { bundle, restored, section, theBundle, undone } from "./support.ts";

const MiB = 1024 ** 2;

for (const depth of [0, 1, 2]) {
  describe(`bundles of depth ${depth}`, () => {
    test(`a nasty tree in bundles of depth ${depth} comes back the same in every attribute`, async () => {
      await using rig = await Rig.make();
      const tree = rig.file("tree");
      await mkdir(tree);
      await nastyTree(tree, { root: isRoot, sparse: 16 * MiB, deepest: depth === 0 });
      const expected = withoutSockets(await describeTree(tree));
      const { backup } = await bundle(rig, [section(tree, { depth })]);
      const { target, heard } = await restored(rig, backup.manifest);
      expect(heard).toEqual([]);
      // Names of one file in two bundles become two files.
      const ignore = depth < 2 ? [] : (["hard link"] as const);
      expect(compareTrees(expected, await describeTree(tree, { under: target }), { ignore })).toEqual([]);
    });
  });
}

test("GNU tar extracts a nasty tree from a bundle with all attributes", async () => {
  await using rig = await Rig.make();
  const tree = rig.file("tree");
  await mkdir(tree);
  await nastyTree(tree, { root: isRoot, sparse: 16 * MiB, deepest: false });
  const expected = withoutSockets(await describeTree(tree));
  const only = section(tree);
  const { backup } = await bundle(rig, [only]);
  const target = await undone(rig, theBundle(backup.manifest, tree), only);
  expect(compareTrees(expected, await describeTree(tree, { under: target }))).toEqual([]);
});
