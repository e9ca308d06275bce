/** Loses or damages the state database, which is a cache: the bucket's index knows what is stored. */
import { describe, expect, test } from "bun:test";
import { open, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { describeTree } from "../support/tree/describe.ts";
import { MiB, mixedFiles } from "./data.ts";
import { archive, contentIn, lostBy, requestsOf, rootsIn } from "./loop.ts";
import { places, thorough } from "./places.ts";

const minutes = 60_000;
const bytes = 4 * MiB;
const header = 100;

type Mishap = {
  readonly name: string;
  /** Whether the next run warns of it, and so ends as incomplete. */
  readonly reported: boolean;
  /** `database` is its path. */
  do(database: string): Promise<void>;
};

const mishaps: readonly Mishap[] = [
  {
    name: "removed, with its folder",
    reported: false,
    do: (database) => rm(join(database, ".."), { recursive: true }),
  },
  { name: "emptied", reported: true, do: (database) => truncate(database, 0) },
  { name: "cut in half", reported: true, do: async (database) => truncate(database, (await stat(database)).size / 2) },
  {
    name: "another kind of file",
    reported: true,
    do: (database) => writeFile(database, "not a database\n".repeat(999)),
  },
  { name: "overwritten behind its header", reported: true, do: (database) => overwrite(database, header) },
  {
    name: "overwritten in its middle",
    reported: true,
    do: async (database) => overwrite(database, Math.floor((await stat(database)).size / 2)),
  },
];

async function overwrite(path: string, from: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.write(Buffer.alloc(16 * 1024, 0xa5), 0, undefined, from);
  } finally {
    await file.close();
  }
}

for (const place of places) {
  for (const layout of ["packs", "objects"]) {
    describe.skipIf(place.absent)(`a state database, ${place.name}, ${layout}`, () => {
      // What is wrong with a database is found without the bucket, whatever the layout.
      const all = place.name === "directory" && (thorough || layout === "packs");
      for (const mishap of all ? mishaps : mishaps.slice(0, 1)) {
        test(
          `${mishap.name}, is rebuilt, and no content is stored again`,
          async () => {
            await using dir = await scratch();
            const tree = join(dir.path, "tree");
            await mixedFiles(tree, bytes, 40);
            const expected = await describeTree(tree);
            const { conf, state } = await place.configure(dir.path, {
              sections: { content: { layout } },
              pickers: { all: `exec find '${tree}' -print0` },
            });
            const first = await archive(conf);
            const stored = await contentIn(conf);
            expect(stored.versions).toHaveLength(first.objectsStored);

            await mishap.do(join(state, "test.sqlite"));
            const next = await archive(conf, { exits: [mishap.reported ? 3 : 0] });
            expect(next.stderr.includes("rebuilt from the bucket's index")).toBe(mishap.reported);
            expect(next).toMatchObject({ objectsStored: 0, bytesStored: 0, files: first.files, unchanged: 0 });
            expect(await contentIn(conf)).toEqual(stored);
            expect(await rootsIn(conf)).toHaveLength(2);
            expect(await lostBy(conf, { tree, expected })).toEqual([]);

            // And it is a state database again.
            expect(requestsOf(await archive(conf))).toBeLessThanOrEqual(5);
          },
          5 * minutes,
        );
      }
    });
  }
}
