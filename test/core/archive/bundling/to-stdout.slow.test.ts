/** What lies in bundles comes through `restore --to-stdout`, in one reading of each bundle. */
import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { writeTar } from "../../../../restore/browse/tar.ts";
import { Report } from "../../../../restore/report/report.ts";
import { isRoot } from "../../../support/services.ts";
import { compareTrees } from "../../../support/tree/compare.ts";
import { describeTree, withoutSockets } from "../../../support/tree/describe.ts";
import { nastyTree } from "../../../support/tree/nasty.ts";
import { Rig } from "../rig.ts";
import { bundle, section } from "./support.ts";

test("GNU tar makes of the tar of a backup with bundles the tree that was bundled, from one request for each bundle", async () => {
  await using rig = await Rig.make();
  const tree = rig.file("tree");
  await mkdir(tree);
  await nastyTree(tree, { root: isRoot, sparse: 16 * 1024 * 1024, deepest: true });
  const expected = withoutSockets(await describeTree(tree));
  const { backup } = await bundle(rig, [section(tree, { depth: 1 })]);
  const target = rig.file("target");
  await mkdir(target);
  const untar = Bun.spawn(
    ["tar", "-x", "-C", target, "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-p"],
    {
      stdin: "pipe",
      stderr: "ignore",
    },
  );
  const report = new Report(() => {});
  const gets: string[] = [];
  await writeTar({
    bucket: {
      get(key, options) {
        if (key.startsWith("bundles/") && !key.includes("table")) gets.push(key);
        return rig.bucket.get(key, options);
      },
    },
    manifest: backup.manifest,
    paths: [],
    report,
    write: (bytes) => untar.stdin.write(Buffer.from(bytes)),
    signal: new AbortController().signal,
  });
  await untar.stdin.end();
  expect(await untar.exited).toBe(0);
  expect(report.figures.errors).toBe(0);
  expect(gets.length).toBeGreaterThan(1);
  expect(gets).toEqual([...new Set(gets)]);
  const found = await describeTree(tree, { under: target });
  expect(compareTrees(expected, found, { ignore: ["hard link"] })).toEqual([]);
}, 120_000);
