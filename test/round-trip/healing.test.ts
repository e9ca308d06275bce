/** Damages the bucket: verify on the backed-up machine notes it, and the next archive stores the content again. */
import { expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup } from "../support/program.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree } from "../support/tree/describe.ts";
import { places } from "./places.ts";

test("a damaged pack is not reused once verify has found it", async () => {
  await using dir = await scratch();
  const [tree, target] = [join(dir.path, "tree"), join(dir.path, "target")];
  await mkdir(tree);
  for (let number = 0; number < 50; number += 1)
    await writeFile(join(tree, `file ${number}`), `${number} `.repeat(5_000));
  const [directory] = places;
  if (directory === undefined) throw new Error("there is always a directory");
  const { conf, bucket } = await directory.configure(dir.path, { pickers: { all: `exec find '${tree}'` } });
  const run = (...args: string[]) => sysbackup([...args, "--conf-dir", conf]);
  expect(await run("archive")).toMatchObject({ exit: 0 });

  const [pack] = [...new Bun.Glob("packs/*.zst").scanSync(bucket)];
  const bytes = await readFile(join(bucket, pack ?? ""));
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(join(bucket, pack ?? ""), bytes);

  expect(await run("archive")).toMatchObject({ exit: 0 });
  const verified = await run("verify", "--read-data");
  expect(verified.exit).toBe(4);
  expect(verified.stderr).toContain('the next archive of "test" stores the content of the damaged objects again');
  expect(await run("archive")).toMatchObject({ exit: 0 });
  expect(await run("verify", "--read-data")).toMatchObject({ exit: 0 });
  expect(await run("restore", "test", "--target", target)).toMatchObject({ exit: 0 });
  expect(compareTrees(await describeTree(tree), await describeTree(tree, { under: target }))).toEqual([]);
});
