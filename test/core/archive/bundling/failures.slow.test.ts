/** Every step of a bundle's way fails: nothing is lost, and what failed is named. */
import { describe, expect, test } from "bun:test";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { retry } from "../../../../core/bucket/decorators/retry.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { type Fault, faulty } from "../../bucket/faults.ts";
import { noise } from "../noise.ts";
import { Rig } from "../rig.ts";
import { script } from "../scripts.ts";
import { bundle, restored, section, theBundle } from "./support.ts";

const MiB = 1024 ** 2;
/** Two parts. */
const content = (seed: number) => Buffer.concat([noise(26 * MiB), Buffer.from([seed])]);
const waits = { now: () => new Date(), sleep: () => Promise.resolve(), random: () => 0.5 };

describe("a step that fails for a while is taken again, and the bundle comes back:", () => {
  const faults: readonly (readonly [name: string, faults: readonly Fault[]])[] = [
    ["the beginning of the upload", [{ call: "startUpload" }, { call: "startUpload", kind: "busy" }]],
    ["some parts", [{ call: "part" }, { call: "part", kind: "busy" }]],
    ["the answer to a part", [{ call: "part", lostAnswer: true }]],
    ["the end of the upload", [{ call: "complete" }, { call: "complete", kind: "failing" }]],
    ["the put of its table of contents, and of the root", [{ call: "put" }, { call: "put", kind: "failing" }]],
  ];
  test.each(faults)(
    "a step that fails for a while is taken again, and the bundle comes back: %s",
    async (_, script) => {
      await using rig = await Rig.make();
      await rig.write("large", content(1));
      const { bucket, unused } = faulty(rig.bucket, script);
      const { backup, heard } = await bundle(rig, [section(rig.file())], { around: () => retry(bucket, waits) });
      expect(unused).toEqual([]);
      expect(heard).toEqual([]);
      const { target } = await restored(rig, backup.manifest);
      expect(content(1).equals(await readFile(join(target, rig.file("large"))))).toBe(true);
    },
  );
});

describe("a step that fails for good is named, the backup keeps the bundle of before, and the next run sends it:", () => {
  const steps: readonly (readonly [step: string, call: Fault["call"], aborts: number])[] = [
    ["the beginning of the upload", "startUpload", 0],
    ["a part", "part", 1],
    ["the end of the upload", "complete", 1],
    ["the put of its table of contents", "put", 0],
  ];
  test.each(steps)(
    "a step that fails for good is named, the backup keeps the bundle of before, and the next run sends it: %s",
    async (_, call, aborts) => {
      await using rig = await Rig.make();
      await rig.write("large", content(1));
      const sections = [section(rig.file())];
      const before = await bundle(rig, sections);
      await rig.write("large", content(2));
      rig.ahead += 60_000;
      const { bucket, unused, calls } = faulty(rig.bucket, [{ call, kind: "denied" }]);
      const failed = await bundle(rig, sections, { around: () => bucket });
      expect(unused).toEqual([]);
      expect(failed.heard.join()).toContain(`the bundle of ${JSON.stringify(rig.file())} is not stored: `);
      expect(failed.heard.join()).toContain("a scripted fault; the backup has it as an earlier run stored it");
      expect(failed.summary).toMatchObject({ errors: 1, bundles: { bundles: 1 } });
      expect(calls.filter((one) => one.startsWith("abort"))).toHaveLength(aborts);
      const [was, is] = [before, failed].map(({ backup }) => theBundle(backup.manifest, rig.file()));
      expect(is).toEqual(was as NonNullable<typeof was>);
      const kept = await restored(rig, failed.backup.manifest);
      expect(kept.heard).toEqual([]);
      expect(content(1).equals(await readFile(join(kept.target, rig.file("large"))))).toBe(true);

      rig.ahead += 60_000;
      const again = await bundle(rig, sections);
      expect(again.summary.bundles.stored).toBe(1);
      const { target } = await restored(rig, again.backup.manifest);
      expect(content(2).equals(await readFile(join(target, rig.file("large"))))).toBe(true);
    },
  );
});

test("a run whose root cannot be put makes no backup, and the next one sends no bundle again", async () => {
  await using rig = await Rig.make();
  await rig.write("small", "content");
  const sections = [section(rig.file())];
  // The bundle and its table of contents come before.
  const { bucket } = faulty(rig.bucket, []);
  const noRoot = {
    ...bucket,
    put: (...args: Parameters<typeof bucket.put>) =>
      args[0].startsWith("manifests/") ? Promise.reject(new Error("no root")) : bucket.put(...args),
  };
  await expect(bundle(rig, sections, { around: () => noRoot })).rejects.toThrow("no root");
  expect(await rig.keys("manifests/")).toEqual([]);
  rig.ahead += 60_000;
  const { summary, backup } = await bundle(rig, sections);
  expect(summary.bundles).toMatchObject({ bundles: 1, stored: 0 });
  expect((await restored(rig, backup.manifest)).heard).toEqual([]);
});

describe("a compressor that fails is named, nothing is stored, and the backup keeps the bundle of before:", () => {
  const ways: Readonly<Record<string, string>> = {
    "takes all of its input, gives all of its output, and is killed": "/usr/bin/xz -c; kill -9 $$",
    "ends well after a part of its input": "head -c 200000 | /usr/bin/xz -c",
    "ends well with the last of its input in the pipe": "head -c 600000 | /usr/bin/xz -c",
    "ends well without any output": "cat > /dev/null",
    "takes all of its input, ends well, and gives less": "/usr/bin/xz -c | { head -c 200000; cat > /dev/null; }",
    "reads nothing, and fails": "exit 1",
    "takes all of its input, gives all of its output, and fails": "/usr/bin/xz -c && exit 1",
  };
  test.each(Object.entries(ways))(
    "a compressor that fails is named, nothing is stored, and the backup keeps the bundle of before: %s",
    async (_, shell) => {
      await using rig = await Rig.make();
      await using programs = await scratch();
      // More than those take that leave some of it.
      await rig.write("file", noise(600 * 1024));
      const sections = [section(rig.file(), { compression: "xz" })];
      const before = await bundle(rig, sections);
      await rig.write("file", noise(600 * 1024 + 1));
      rig.ahead += 60_000;
      await script(programs.path, "xz", shell);
      const path = process.env.PATH;
      process.env.PATH = `${programs.path}:${path}`;
      try {
        const { heard, backup } = await bundle(rig, sections);
        expect(heard.join()).toContain("is not stored: ");
        expect(heard.join()).toContain("xz");
        expect(theBundle(backup.manifest, rig.file())).toEqual(theBundle(before.backup.manifest, rig.file()));
        expect(await rig.keys("bundles/")).toHaveLength(2);
      } finally {
        process.env.PATH = path;
      }
      await rm(join(programs.path, "xz"));
      rig.ahead += 60_000;
      expect((await bundle(rig, sections)).summary.bundles.stored).toBe(1);
    },
  );
});
