/** What `restore --to-stdout | tar x` makes is what `restore` makes, in every attribute that a pax tar carries. */
import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { programInShell } from "../support/program.ts";
import { isRoot } from "../support/services.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree, withoutSockets } from "../support/tree/describe.ts";
import { nastyTree } from "../support/tree/nasty.ts";
import { archive } from "./loop.ts";
import { places } from "./places.ts";

const minutes = 60_000;
const MiB = 1024 ** 2;

/** Runs `restore --to-stdout` into GNU tar. */
async function throughTar(words: readonly string[], target: string) {
  const restore = [programInShell, ...["restore", ...words, "--to-stdout"].map((word) => `'${word}'`)].join(" ");
  const untar = `tar -x -C '${target}' --xattrs --xattrs-include='*' --acls --numeric-owner -p`;
  const child = Bun.spawn(["bash", "-o", "pipefail", "-c", `${restore} | ${untar}`], {
    stdin: "ignore",
    stderr: "pipe",
  });
  const [stderr, exit] = await Promise.all([child.stderr.text(), child.exited]);
  return { stderr, exit };
}

for (const place of places) {
  for (const layout of ["packs", "objects"] as const) {
    describe.skipIf(place.absent)(`--to-stdout, ${place.name}, ${layout}`, () => {
      test(
        "GNU tar makes of it the tree that was archived",
        async () => {
          await using dir = await scratch();
          const [tree, target] = [join(dir.path, "tree"), join(dir.path, "target")];
          for (const folder of [tree, target]) await mkdir(folder);
          await nastyTree(tree, {
            root: isRoot,
            sparse: 16 * MiB,
            deepest: place.name === "directory" && layout === "packs",
          });
          const { conf } = await place.configure(dir.path, {
            sections: { content: { layout } },
            pickers: { all: `exec find '${tree}' -print0` },
          });
          const expected = withoutSockets(await describeTree(tree));
          await archive(conf, { exits: [0, 3] });
          const { stderr, exit } = await throughTar(["test", "--conf-dir", conf], target);
          expect(exit).toBe(0);
          expect(stderr).not.toContain("sysbackup: cannot");
          expect(compareTrees(expected, await describeTree(tree, { under: target }))).toEqual([]);
        },
        10 * minutes,
      );
    });
  }
}
