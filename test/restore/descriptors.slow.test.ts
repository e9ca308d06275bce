import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { descriptorShare } from "../../core/system/threads/limits.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";

const main = join(import.meta.dir, "../../cmd/main.ts");

function makeTree(files: string, { width, depth }: { readonly width: number; readonly depth: number }): string[] {
  const paths: string[] = [];
  for (let branch = 0; branch < width; branch += 1) {
    let folder = join(files, String(branch));
    for (let level = 0; level < depth; level += 1) {
      mkdirSync(folder, { recursive: true });
      for (const name of ["a", "z"]) {
        writeFileSync(join(folder, name), folder);
        paths.push(join(folder, name));
      }
      folder = join(folder, "d");
    }
  }
  return paths;
}

test.skipIf(Bun.which("prlimit") === null).each([
  ["wide", "packs", 60, 1],
  ["deep", "packs", 1, 60],
  ["wide", "objects", 60, 1],
])("a restore of a %s tree in %s finds enough descriptors under a limit of 40", async (_, layout, width, depth) => {
  await using place = await scratch();
  const files = join(place.path, "files");
  const paths = makeTree(files, { width, depth });
  const pickers = { all: `find '${files}'` };
  const { conf } = await writeConf(place.path, { pickers, sections: { content: { layout } } });
  expect((await sysbackup(["archive", "--conf-dir", conf])).exit).toBe(0);
  const target = join(place.path, "target");
  const words = ["restore", "test", "--target", target, "--conf-dir", conf];
  const { stderr, exitCode } = Bun.spawnSync(["prlimit", "--nofile=40", process.execPath, main, ...words]);
  expect(stderr.toString()).not.toContain("too many open files");
  expect(exitCode).toBe(0);
  for (const path of paths) expect(readFileSync(join(target, path), "utf8")).toBe(readFileSync(path, "utf8"));
});

test("a process with as many descriptors as usual has no smaller bounds, and one with hardly any still has some", () => {
  for (const limit of [512, 1_024, Number.POSITIVE_INFINITY]) expect(descriptorShare(128, limit)).toBe(128);
  for (const limit of [0, 20, 40]) expect(descriptorShare(128, limit)).toBeGreaterThanOrEqual(2);
  const all = (limit: number) => [128, 256, 64, 16, 4].reduce((sum, most) => sum + descriptorShare(most, limit), 0);
  for (const limit of [64, 128, 256, 511]) expect(all(limit)).toBeLessThan(limit);
});
