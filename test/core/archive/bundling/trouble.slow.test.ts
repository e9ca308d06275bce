/** Bundles after a lost state, with locks that end, and when something fails. */
import { describe, expect, test } from "bun:test";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toText } from "../../../../core/format/path.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { run } from "../../../support/services/command.ts";
import { faulty } from "../../bucket/faults.ts";
import { noise } from "../noise.ts";
import { day, Rig } from "../rig.ts";
import { bundle, filled, restored, section, theBundle } from "./support.ts";

describe("a lost state", () => {
  async function afterLoss(index: "state" | "metadata") {
    await using rig = await filled();
    const sections = [section(rig.file("two"), { index })];
    await bundle(rig, sections);
    await rm(rig.statePath());
    rig.ahead += 60_000;
    const { summary, backup } = await bundle(rig, sections);
    const { target, heard } = await restored(rig, backup.manifest);
    expect(heard).toEqual([]);
    expect(await readFile(join(target, rig.file("two/c")))).toEqual(Buffer.from(noise(200_000)));
    return summary.bundles;
  }

  test("a bundle whose fingerprint is in its metadata is not sent again after the loss of the state", async () => {
    expect(await afterLoss("metadata")).toMatchObject({ bundles: 1, stored: 0, bytesRead: 200_000 });
  });

  test("a bundle that is sealed with another keyfile than now is sent again, whatever its metadata says", async () => {
    await using rig = await filled();
    const keyfile = join(rig.path, "key");
    const sections = [section(rig.file("two"), { index: "metadata", keyfile })];
    await bundle(rig, sections);
    const key = await readFile(keyfile);
    await Promise.all([rm(rig.statePath()), rm(keyfile)]);
    rig.ahead += 60_000;
    expect((await bundle(rig, sections)).summary.bundles).toMatchObject({ stored: 1 });
    await writeFile(keyfile, key);
    await rm(rig.statePath());
    rig.ahead += 60_000;
    expect((await bundle(rig, sections)).summary.bundles).toMatchObject({ stored: 1 });
    await rm(rig.statePath());
    rig.ahead += 60_000;
    expect((await bundle(rig, sections)).summary.bundles).toMatchObject({ stored: 0 });
  });

  test("a bundle that only the state knew is sent again after its loss", async () => {
    expect(await afterLoss("state")).toMatchObject({ bundles: 1, stored: 1 });
  });

  test("a bundle that changed since is sent again, whatever the metadata of the earlier one says", async () => {
    await using rig = await filled();
    const sections = [section(rig.file("two"), { index: "metadata" })];
    await bundle(rig, sections);
    await rm(rig.statePath());
    await rig.write("two/c", noise(200_001));
    rig.ahead += 60_000;
    expect((await bundle(rig, sections)).summary.bundles).toMatchObject({ stored: 1 });
  });
});

describe("locks", () => {
  test("the locks of a bundle and of its table of contents are extended with the backup", async () => {
    await using rig = await filled();
    const sections = [section(rig.file("two"))];
    await bundle(rig, sections);
    rig.ahead += 20 * day;
    const { summary, backup } = await bundle(rig, sections);
    expect(summary.bundles.stored).toBe(0);
    const { key, version, table } = theBundle(backup.manifest, rig.file("two"));
    for (const one of [{ key, version }, ...table]) {
      const lock = await rig.bucket.retention(one.key, one.version);
      expect(lock?.until.getTime()).toBeGreaterThanOrEqual(summary.retainUntil.getTime());
    }
  });

  test("a bundle whose lock ends too soon is stored again", async () => {
    await using rig = await filled();
    const sections = [section(rig.file("two"))];
    await bundle(rig, sections);
    rig.ahead += 36 * day;
    expect((await bundle(rig, sections)).summary.bundles).toMatchObject({ stored: 1 });
  });

  test("a bundle that is gone from the bucket when its lock is to be extended is stored again", async () => {
    await using rig = await filled();
    const sections = [section(rig.file("two"))];
    const first = await bundle(rig, sections);
    await rm(join(rig.path, "bucket", theBundle(first.backup.manifest, rig.file("two")).key));
    rig.ahead += 20 * day;
    const { backup, summary } = await bundle(rig, sections);
    expect(summary.bundles.stored).toBe(1);
    const { heard } = await restored(rig, backup.manifest);
    expect(heard).toEqual([]);
  });
});

describe("trouble", () => {
  test("a bundle that cannot be stored is named, its earlier version stays in the backup, and others are stored", async () => {
    await using rig = await filled();
    const sections = [section(rig.file(), { depth: 1 })];
    const before = await bundle(rig, sections);
    await rig.write("one/a", "changed");
    await rig.write("two/c", "changed");
    rig.ahead += 60_000;
    const { heard, backup, summary } = await bundle(rig, sections, {
      around: (bucket) => faulty(bucket, [{ call: "put", kind: "denied" }]).bucket,
    });
    expect(heard.join("\n")).toContain(`the bundle of ${JSON.stringify(rig.file("one"))} is not stored`);
    expect(summary).toMatchObject({ errors: 1, bundles: { bundles: 4, stored: 1 } });
    expect(theBundle(backup.manifest, rig.file("one"))).toEqual(theBundle(before.backup.manifest, rig.file("one")));
  });

  test("a part of an upload that fails for good aborts it, and nothing of it is left", async () => {
    await using rig = await Rig.make();
    await rig.write("large", noise(60 * 1024 ** 2));
    const { bucket, calls } = faulty(rig.bucket, [{ call: "part", kind: "denied" }]);
    const { heard, backup } = await bundle(rig, [section(rig.file())], { around: () => bucket });
    expect(heard.join()).toContain("is not stored");
    expect(backup.manifest.bundles).toEqual([]);
    expect(calls.filter((call) => call.startsWith("abort"))).toHaveLength(1);
    expect(await rig.keys("bundles/")).toEqual([]);
  });

  test("a bundle of several parts comes back", async () => {
    await using rig = await Rig.make();
    const content = noise(60 * 1024 ** 2);
    await rig.write("large", content);
    const { backup, counts } = await bundle(rig, [section(rig.file())]);
    // Three parts, and the beginning and the end; the table of contents and the root.
    expect(counts.put).toBe(7);
    const { target } = await restored(rig, backup.manifest);
    expect(Buffer.from(content).equals(await readFile(join(target, rig.file("large"))))).toBe(true);
  });

  test("a file of 4 PiB that is one hole takes no more memory than its data", async () => {
    await using rig = await Rig.make();
    await using dir = await scratch("/dev/shm");
    const file = join(dir.path, "hole");
    await writeFile(file, "begins");
    await truncate(file, 2 ** 52);
    const { backup, heard } = await bundle(rig, [section(dir.path)]);
    expect(heard).toEqual([]);
    const [entry] = theBundle(backup.manifest, dir.path).table;
    expect(entry?.bytes).toBe(2 ** 52);
  });

  test("a bundle with a file that no manifest can describe is not sent again and again because of that", async () => {
    await using rig = await Rig.make();
    await using dir = await scratch("/dev/shm");
    await writeFile(join(dir.path, "plain"), "content");
    await writeFile(join(dir.path, "huge"), "");
    await run(["truncate", "-s", String(2n ** 63n - 1n), join(dir.path, "huge")]);
    const sections = [section(dir.path)];
    const first = await bundle(rig, sections);
    expect(first.heard.join()).toContain("a manifest cannot describe it");
    rig.ahead += 60_000;
    const again = await bundle(rig, sections);
    expect(again.heard.join()).toContain("a manifest cannot describe it");
    expect(again.summary.bundles).toMatchObject({ bundles: 1, stored: 0 });
  });

  test("a missing program is named, with the package that has it", async () => {
    await using rig = await filled();
    const path = process.env.PATH;
    process.env.PATH = "/nowhere";
    try {
      const { heard } = await bundle(rig, [section(rig.file("two"), { compression: "xz" })]);
      expect(heard.join()).toContain(
        'cannot run "xz": there is no such program on this machine; install the package xz-utils',
      );
    } finally {
      process.env.PATH = path;
    }
  });

  test("a path that is not there is named, and its bundles stay in the backup", async () => {
    await using rig = await filled();
    const sections = [section(rig.file("two"))];
    const before = await bundle(rig, sections);
    await rm(rig.file("two"), { recursive: true });
    rig.ahead += 60_000;
    const { heard, backup } = await bundle(rig, sections);
    expect(heard.join()).toContain("are not stored: no such file or directory");
    expect(backup.manifest.bundles).toEqual(before.backup.manifest.bundles);
  });

  test("a folder that is gone at the depth is in earlier backups only, and named", async () => {
    await using rig = await filled();
    const sections = [section(rig.file(), { depth: 1 })];
    await bundle(rig, sections);
    await rm(rig.file("two"), { recursive: true });
    rig.ahead += 60_000;
    const { heard, backup } = await bundle(rig, sections);
    expect(heard.join()).toContain(`the bundle of ${JSON.stringify(rig.file("two"))} is in earlier backups only`);
    expect(backup.manifest.bundles.map(({ path }) => toText(path))).not.toContain(rig.file("two"));
  });

  test("bundles alone are refused under a name that has files", async () => {
    await using rig = await filled();
    await rig.run();
    expect(bundle(rig, [section(rig.file("two"))])).rejects.toThrow("the newest backup would be without them");
  });
});
