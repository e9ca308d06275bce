/** Several hosts, one bucket: what one has stored, another that believes it does not store again. */
import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";
import { describeTree } from "../support/tree/describe.ts";
import { MiB, mixedFiles } from "./data.ts";
import { archive, contentIn, lostBy } from "./loop.ts";
import { type Place, places } from "./places.ts";

const minutes = 60_000;
const bytes = 4 * MiB;

type Host = { readonly name: string; readonly layout: string; readonly share_with?: string };

/** Hosts of one bucket, each with its own name, configuration and state; all back up the same tree. */
async function hosts(place: Place, dir: string, wanted: readonly Host[]) {
  const tree = join(dir, "tree");
  await mixedFiles(tree, bytes, 40);
  const bucket = await place.newBucket(dir);
  const confs = wanted.map(async ({ name, ...content }) => {
    const home = join(dir, name);
    await mkdir(home);
    const sections = { ...bucket, content, backup: { name, state_dir: join(home, "state") } };
    const pickers = { all: `exec find '${tree}' -print0` };
    const { conf } = await writeConf(home, { sections, pickers });
    return conf;
  });
  return { tree, expected: await describeTree(tree), confs: await Promise.all(confs) };
}

/** Two hosts that do not believe each other: `one` and `other` are their configurations. */
async function twoOf(place: Place, dir: string, layout: string) {
  const names = ["first", "second"];
  const { tree, expected, confs } = await hosts(
    place,
    dir,
    names.map((name) => ({ name, layout })),
  );
  const [one = "", other = ""] = confs;
  return { tree, expected, one, other };
}

for (const place of places) {
  for (const layout of ["packs", "objects"]) {
    describe.skipIf(place.absent)(`two hosts with the same files, ${place.name}, ${layout}`, () => {
      test(
        "the second stores no content, and each restores its own backup",
        async () => {
          await using dir = await scratch();
          const names = ["first", "second"];
          const { tree, expected, confs } = await hosts(
            place,
            dir.path,
            names.map((name) => ({ name, layout, share_with: "first" })),
          );
          const [one = "", other = ""] = confs;
          const first = await archive(one);
          expect(first.bytesStored).toBeGreaterThan(bytes * 0.9);
          const stored = await contentIn(one);
          expect(stored.versions).toHaveLength(first.objectsStored);

          const second = await archive(other);
          expect(second).toMatchObject({ objectsStored: 0, bytesStored: 0, files: first.files, unchanged: 0 });
          expect(await contentIn(other)).toEqual(stored);

          expect(await lostBy(one, { tree, expected, manifest: "first" })).toEqual([]);
          expect(await lostBy(other, { tree, expected, manifest: "second" })).toEqual([]);
        },
        5 * minutes,
      );

      test(
        "a host that does not believe the other stores its own content",
        async () => {
          await using dir = await scratch();
          const { tree, expected, one, other } = await twoOf(place, dir.path, layout);
          const first = await archive(one);
          const second = await archive(other);
          expect(second.bytesStored).toBe(first.bytesStored);
          expect((await contentIn(one)).bytes).toBe(2 * first.bytesStored);
          expect(await lostBy(other, { tree, expected, manifest: "second" })).toEqual([]);
        },
        5 * minutes,
      );

      test(
        "one that does not believe the first does not store what verify has read, no matter who stored it",
        async () => {
          await using dir = await scratch();
          const { tree, expected, one, other } = await twoOf(place, dir.path, layout);
          const first = await archive(one);
          const read = await sysbackup(["verify", "--json", "--conf-dir", one, "--all", "--read-data", "new"]);
          expect(read).toMatchObject({ exit: 0 });
          expect(JSON.parse(read.stdout).read).toMatchObject({
            objects: first.objectsStored,
            noted: first.objectsStored,
          });
          const second = await archive(other);
          expect(second).toMatchObject({ objectsStored: 0, bytesStored: 0, files: first.files, warnings: 0 });
          expect(await lostBy(other, { tree, expected, manifest: "second" })).toEqual([]);
          const again = await sysbackup(["verify", "--json", "--conf-dir", one, "--all", "--read-data", "new"]);
          expect(JSON.parse(again.stdout)).toMatchObject({ verdict: "restorable", read: { objects: 0, bytes: 0 } });
          expect((await archive(other)).requests).toMatchObject({ get: 0, list: 2 });
        },
        5 * minutes,
      );
    });
  }
}
