/** This machine's own folders, as they are. Needs root, since not everybody may read all of `/etc`. */
import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ByteString, isByteString } from "../../core/format/path.ts";
import { scratch } from "../support/faults/scratch.ts";
import { run } from "../support/services/command.ts";
import { isRoot } from "../support/services.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describePaths, type Tree, withoutSockets } from "../support/tree/describe.ts";
import { discard } from "./discard.ts";
import { archive, restore } from "./loop.ts";
import { places, thorough } from "./places.ts";

const minutes = 60_000;
/** However much a machine has in it: more of the same tells nothing new. */
const limits = { entries: 1_500, bytes: 16 * 1024 * 1024 };
const large = ["/usr/share", "/usr/lib/python3"];

/** All of `/etc`, and folders of `roots`, each with all that lies right in it, chosen by a hash of their paths. */
async function sampleOf(roots: readonly string[], scratch: string): Promise<readonly ByteString[]> {
  const folders = new Map<string, { readonly paths: ByteString[]; bytes: number }>();
  for (const [size, folder, path] of await listed(["/etc", ...roots], scratch)) {
    const found = folders.get(folder) ?? { paths: [], bytes: 0 };
    found.paths.push(path);
    found.bytes += size;
    folders.set(folder, found);
  }
  const order = (folder: string) => (folder.startsWith("/etc") || folder === "/" ? 0 : Bun.hash.crc32(folder));
  const sample: ByteString[] = [];
  let bytes = 0;
  for (const [, found] of [...folders].toSorted(([a], [b]) => order(a) - order(b))) {
    if (sample.length + found.paths.length > limits.entries || bytes + found.bytes > limits.bytes) continue;
    sample.push(...found.paths);
    bytes += found.bytes;
  }
  return sample;
}

async function listed(roots: readonly string[], scratch: string) {
  const list = join(scratch, "list");
  await run(["find", ...roots, "-fprintf", list, "%s\\0%h\\0%p\\0"]);
  const words = Buffer.from(await Bun.file(list).bytes())
    .toString("latin1")
    .split("\0");
  const found: [size: number, folder: string, path: ByteString][] = [];
  for (let at = 0; at + 3 <= words.length; at += 3) {
    const [size = "", folder = "", path = ""] = words.slice(at, at + 3);
    if (isByteString(path)) found.push([Number(size), folder, path]);
  }
  return found;
}

for (const place of places) {
  for (const layout of ["packs", "objects"]) {
    // A request for each of fifty thousand files proves nothing more than the same over a directory.
    const roots = thorough && !(place.name === "Ceph" && layout === "objects") ? large : [];
    describe.skipIf(place.absent || !isRoot)(`this machine, ${place.name}, ${layout}`, () => {
      test(
        `${["/etc", ...roots].join(", ")} come back identical`,
        async () => {
          await using dir = await scratch();
          const [target, sample] = [join(dir.path, "target"), join(dir.path, "sample")];
          const paths = await sampleOf(roots, dir.path);
          await writeFile(sample, Buffer.from(paths.map((path) => `${path}\0`).join(""), "latin1"));
          const { conf } = await place.configure(dir.path, {
            sections: { content: { layout } },
            pickers: { all: `exec cat '${sample}'` },
          });
          const was = await describePaths(paths);
          // Files that change while they are read are reported, so the run may be incomplete.
          await archive(conf, { exits: [0, 3] });
          const is = await describePaths(paths);
          await restore(conf, "test", target);

          // What another process changed meanwhile may have been kept as it was or as it is.
          const moved = new Set(compareTrees(was, is).map(({ path }) => path));
          const steady = (tree: Tree) => new Map([...tree].filter(([path]) => !moved.has(path)));
          const expected = steady(withoutSockets(was));
          expect(expected.size).toBeGreaterThan(paths.length * 0.9);
          const found = await describePaths(paths, { under: target });
          expect(compareTrees(expected, steady(found))).toEqual([]);
          await discard(conf);
        },
        10 * minutes,
      );
    });
  }
}
