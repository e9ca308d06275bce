/** Index and state are lost: `rebuild-index` makes the index from packs again, and nothing is stored twice. */

import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { decodeIndex, type IndexLine } from "../../core/format/index/index-object.ts";
import { once } from "../../core/stored/bytes.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup } from "../support/program.ts";
import { describeTree } from "../support/tree/describe.ts";
import { MiB, mixedFiles } from "./data.ts";
import { discard } from "./discard.ts";
import { archive, bucketOf, contentIn, lostBy } from "./loop.ts";
import { places } from "./places.ts";

const minutes = 60_000;
const size = 6 * MiB;

const document = z.object({
  name: z.string(),
  indexObjects: z.number(),
  objects: z.number(),
  chunks: z.number(),
  bytesRead: z.number(),
  dry_run: z.boolean(),
});

async function rebuild(conf: string, ...args: readonly string[]) {
  const { exit, stdout } = await sysbackup(["rebuild-index", "--conf-dir", conf, "--json", ...args]);
  return { exit, ...document.parse(JSON.parse(stdout)) };
}

async function loseIndex(conf: string): Promise<void> {
  const bucket = await bucketOf(conf);
  await bucket.close();
  if (bucket.url.startsWith("file:")) await rm(join(fileURLToPath(bucket.url), "index"), { recursive: true });
  else await discard(conf, "index/");
}

/** Lines of all index objects, those of objects and chunks in order. */
async function indexOf(conf: string): Promise<string[]> {
  const bucket = await bucketOf(conf);
  try {
    const lines: string[] = [];
    for await (const page of bucket.list("index/")) {
      for (const { key } of page) {
        const stored = Buffer.concat(await Array.fromAsync(bucket.get(key)));
        lines.push(...plain(await Array.fromAsync(decodeIndex(once(Bun.zstdDecompressSync(stored))))));
      }
    }
    return lines.toSorted();
  } finally {
    await bucket.close();
  }
}

/** Without numbers of objects, which depend on their order. */
function plain(lines: readonly IndexLine[]): string[] {
  let key = "";
  return lines.map((line) => {
    if ("object" in line) key = line.object.key;
    return "frame" in line ? `${key} ${JSON.stringify(line.frame.slice(1))}` : JSON.stringify(line);
  });
}

for (const place of places) {
  for (const layout of ["packs", "objects"]) {
    describe.skipIf(place.absent)(`rebuild-index, ${place.name}, ${layout}`, () => {
      test(
        "rebuild-index restores the index that was lost: the next archive stores no content, and its backup is whole",
        async () => {
          await using dir = await scratch();
          const tree = join(dir.path, "tree");
          await mixedFiles(tree, size, 160);
          const expected = await describeTree(tree);
          const { conf, state } = await place.configure(dir.path, {
            sections: { content: { layout, pack_size: "2M" } },
            pickers: { all: `exec find '${tree}' -print0` },
          });
          await archive(conf);
          const stored = await contentIn(conf);
          const lost = await indexOf(conf);
          await loseIndex(conf);
          await rm(state, { recursive: true });

          expect(await rebuild(conf, "--dry-run")).toMatchObject({
            exit: 0,
            dry_run: true,
            indexObjects: 0,
            bytesRead: 0,
          });
          expect(await indexOf(conf)).toEqual([]);
          const rebuilt = await rebuild(conf);
          expect(rebuilt).toMatchObject({ exit: 0, name: "test", objects: stored.versions.length });
          expect(rebuilt.bytesRead).toBeGreaterThanOrEqual(stored.bytes);
          expect(await indexOf(conf)).toEqual(lost);
          expect(await rebuild(conf)).toMatchObject({ exit: 0, objects: 0, indexObjects: 0, bytesRead: 0 });

          const next = await archive(conf);
          expect(next).toMatchObject({ objectsStored: 0, bytesStored: 0, unchanged: 0, warnings: 0 });
          expect(await contentIn(conf)).toEqual(stored);
          expect(await lostBy(conf, { tree, expected })).toEqual([]);
        },
        5 * minutes,
      );
    });
  }
}

test("rebuild-index skips a damaged pack with a notice, and ends with status 4", async () => {
  await using dir = await scratch();
  const tree = join(dir.path, "tree");
  await mixedFiles(tree, size, 160);
  const [place] = places;
  if (place === undefined) throw new Error("there is no directory bucket");
  const { conf, bucket } = await place.configure(dir.path, {
    sections: { content: { pack_size: "1M" } },
    pickers: { all: `exec find '${tree}' -print0` },
  });
  await archive(conf);
  const { versions } = await contentIn(conf);
  const [damaged] = versions;
  const path = join(bucket, damaged?.key ?? "");
  const bytes = Buffer.from(await Bun.file(path).bytes());
  bytes[1_000] = (bytes[1_000] ?? 0) ^ 1;
  await Bun.write(path, bytes);
  await loseIndex(conf);
  const plain = await sysbackup(["rebuild-index", "--conf-dir", conf]);
  expect(plain.exit).toBe(4);
  expect(plain.stderr).toContain(`${JSON.stringify(damaged?.key)} is not indexed: it is damaged`);
  expect(plain.stdout).toContain("1 object damaged: see above\n");
  expect(plain.stdout).toMatch(new RegExp(`^indexed ${versions.length - 1} objects, `));
}, 60_000);
