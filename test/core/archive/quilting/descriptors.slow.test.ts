import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "../../../support/faults/scratch.ts";
import { programWords, writeConf } from "../../../support/program.ts";

test.skipIf(Bun.which("prlimit") === null).each([
  ["wide", 20, 15],
  ["deep", 1, 60],
])("no file of a %s tree is left out for want of descriptors", async (_, width, depth) => {
  await using place = await scratch();
  const files = join(place.path, "files");
  for (let branch = 0; branch < width; branch += 1) {
    let folder = join(files, String(branch));
    for (let level = 0; level < depth; level += 1) {
      mkdirSync(folder, { recursive: true });
      for (const name of ["a", "z"]) writeFileSync(join(folder, name), name);
      folder = join(folder, "d");
    }
  }
  const { conf } = await writeConf(place.path, { pickers: { all: `find '${files}'` } });
  const limited = ["prlimit", "--nofile=40", ...programWords, "archive", "--conf-dir", conf, "--json"];
  const { stdout, stderr, exitCode } = Bun.spawnSync(limited);
  expect(stderr.toString()).not.toContain("too many open files");
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout.toString().trim().split("\n").at(-1) ?? "")).toMatchObject({ files: width * depth * 2 });
});
