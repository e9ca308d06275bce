/** This machine's own folders, as they are. Needs root, since not everybody may read all of `/etc`. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { isRoot } from "../support/services.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree, type Tree, withoutSockets } from "../support/tree/describe.ts";
import { discard } from "./discard.ts";
import { archive, restore } from "./loop.ts";
import { places, thorough } from "./places.ts";

const minutes = 60_000;
const whole = ["/etc", "/usr/share", "/usr/lib/python3"];
const small = ["/etc"];

for (const place of places) {
  for (const layout of ["packs", "objects"]) {
    // A request for each of fifty thousand files proves nothing more than the same over a directory.
    const roots = thorough && !(place.name === "Ceph" && layout === "objects") ? whole : small;
    describe.skipIf(place.absent || !isRoot)(`this machine, ${place.name}, ${layout}`, () => {
      test(
        `${roots.join(", ")} come back identical`,
        async () => {
          await using dir = await scratch();
          const target = join(dir.path, "target");
          const { conf } = await place.configure(dir.path, {
            sections: { content: { layout } },
            pickers: { all: `exec find ${roots.join(" ")} -print0` },
          });
          const before = await Promise.all(roots.map((root) => describeTree(root)));
          // Files that change while they are read are reported, so the run may be incomplete.
          await archive(conf, { exits: [0, 3] });
          const after = await Promise.all(roots.map((root) => describeTree(root)));
          await restore(conf, "test", target);

          for (const [number, root] of roots.entries()) {
            const [was, is] = [before[number] ?? new Map(), after[number] ?? new Map()];
            // What another process changed meanwhile may have been kept as it was or as it is.
            const moved = new Set(compareTrees(was, is).map(({ path }) => path));
            const steady = (tree: Tree) => new Map([...tree].filter(([path]) => !moved.has(path)));
            const expected = steady(withoutSockets(was));
            expect(expected.size).toBeGreaterThan(was.size * 0.9);
            const found = await describeTree(root, { under: target });
            expect(compareTrees(expected, steady(found))).toEqual([]);
          }
          await discard(conf);
        },
        10 * minutes,
      );
    });
  }
}
