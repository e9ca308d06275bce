/** The heart of it: everything that a Linux filesystem can hold comes back the same, through every bucket and layout. */
import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup } from "../support/program.ts";
import { isRoot } from "../support/services.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree, withoutSockets } from "../support/tree/describe.ts";
import { nastyTree } from "../support/tree/nasty.ts";
import { restoredExit } from "./loop.ts";
import { places, thorough } from "./places.ts";

const minutes = 60_000;
const GiB = 1024 ** 3;
/**
 * Bytes of the huge files; without packs, which leave out their holes, just more than 32 bits can count. A server sees nothing of
 * that, as the objects are small: so once is enough, over a directory.
 */
function sparseIn(layout: "packs" | "objects", place: string): number {
  if (!thorough || place === "Ceph") return GiB / 64;
  return layout === "packs" ? 10 * GiB : 4 * GiB + GiB / 16;
}

for (const place of places) {
  for (const layout of ["packs", "objects"] as const) {
    describe.skipIf(place.absent)(`nasty tree, ${place.name}, ${layout}`, () => {
      test(
        "a nasty tree comes back identical in every attribute, also when restored again over itself",
        async () => {
          await using dir = await scratch();
          const deepest = place.name === "directory" && layout === "packs";
          const [tree, target] = [join(dir.path, "tree"), join(dir.path, "target")];
          await mkdir(tree);
          await nastyTree(tree, { root: isRoot, sparse: sparseIn(layout, place.name), deepest });
          const { conf } = await place.configure(dir.path, {
            sections: { content: { layout } },
            pickers: { all: `exec find '${tree}' -print0` },
          });
          const expected = withoutSockets(await describeTree(tree));

          const archived = await sysbackup(["archive", "--conf-dir", conf]);
          expect(archived.stderr).not.toContain("defect");
          expect([0, 3]).toContain(archived.exit);
          const restored = await sysbackup(["restore", "test", "--conf-dir", conf, "--target", target]);
          expect(restored).toMatchObject({ exit: restoredExit });
          expect(compareTrees(expected, await describeTree(tree, { under: target }))).toEqual([]);

          const again = await sysbackup(["restore", "test", "--conf-dir", conf, "--target", target]);
          expect(again).toMatchObject({ exit: restoredExit });
          expect(compareTrees(expected, await describeTree(tree, { under: target }))).toEqual([]);
          const verified = await sysbackup(["verify", "--conf-dir", conf]);
          expect(verified).toMatchObject({ exit: 0 });
        },
        10 * minutes,
      );
    });
  }
}
