/** What is stored when, what it needs, and what the other commands do with it. See `trouble.slow.test.ts` for what goes wrong. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundleCompressions } from "../../../../core/format/codecs/codec.ts";
import { passwordIn, usePassword } from "../../../../core/format/codecs/openssl.ts";
import { everything, verified } from "../../../restore/verify/plant.ts";
import { isRoot } from "../../../support/services.ts";
import { faulty } from "../../bucket/faults.ts";
import { pruneRig } from "../../steward/support.ts";
import { noise } from "../noise.ts";
import { day } from "../rig.ts";
import { script } from "../scripts.ts";
import { bundle, filled, restored, section, theBundle, undone } from "./support.ts";

test("bundles that did not change cost no put but that of the root, and are in the new backup", async () => {
  await using rig = await filled();
  const sections = [section(rig.file(), { depth: 1 })];
  const first = await bundle(rig, sections);
  expect(first.summary.bundles).toMatchObject({ bundles: 4, stored: 4 });
  rig.ahead += 60_000;
  const again = await bundle(rig, sections);
  expect(again.summary.bundles).toMatchObject({ bundles: 4, stored: 0, bytesRead: 0, bytesStored: 0 });
  // The index object speaks of new objects only, and there are none.
  expect(again.counts.put).toBe(1);
  expect(again.backup.manifest.bundles).toEqual(first.backup.manifest.bundles);
});

test("one changed file sends the bundle that it is in, and no other", async () => {
  await using rig = await filled();
  const sections = [section(rig.file(), { depth: 1 })];
  const first = await bundle(rig, sections);
  await rig.write("one/a", "changed");
  rig.ahead += 60_000;
  const again = await bundle(rig, sections);
  expect(again.summary.bundles).toMatchObject({ bundles: 4, stored: 1 });
  const { target, heard } = await restored(rig, again.backup.manifest);
  expect(heard).toEqual([]);
  expect(await readFile(join(target, rig.file("one/a")), "utf8")).toBe("changed");
  // The earlier backup still has the earlier one.
  const earlier = await restored(rig, first.backup.manifest, { paths: [rig.file("one/a")] });
  expect(await readFile(join(earlier.target, rig.file("one/a")), "utf8")).toBe("first");
});

test("a folder whose files were only touched and set back is read and not sent", async () => {
  await using rig = await filled();
  const sections = [section(rig.file("two"))];
  await bundle(rig, sections);
  const { atime, mtime } = await stat(rig.file("two/c"));
  await chmod(rig.file("two/c"), 0o600);
  await chmod(rig.file("two/c"), 0o644);
  await utimes(rig.file("two/c"), atime, mtime);
  rig.ahead += 60_000;
  const again = await bundle(rig, sections);
  const touched = again.summary.bundles;
  expect(touched.stored === 0 ? touched.bytesRead : 200_000).toBe(200_000);
  rig.ahead += 60_000;
  expect((await bundle(rig, sections)).summary.bundles).toMatchObject({ stored: 0, bytesRead: 0 });
});

describe("single paths", () => {
  test("one file is restored from its bundle, with the folders above it, without the other bundles", async () => {
    await using rig = await filled();
    const { backup } = await bundle(rig, [section(rig.file(), { depth: 1 })]);
    const { bucket, calls } = faulty(rig.bucket, []);
    const { target, heard } = await restored(rig, backup.manifest, { paths: [rig.file("one/deep/b")], bucket });
    expect(heard).toEqual([]);
    expect(await readFile(join(target, rig.file("one/deep/b")), "utf8")).toBe("second");
    const wanted = await stat(rig.file());
    expect((await stat(join(target, rig.file()))).mtimeMs).toBe(wanted.mtimeMs);
    const read = calls.filter((call) => call.includes(".tar"));
    expect(read.map((call) => call.split(" ")[1])).toEqual([theBundle(backup.manifest, rig.file("one")).key]);
  });

  test("a path that no bundle has is named", async () => {
    await using rig = await filled();
    const { backup } = await bundle(rig, [section(rig.file(), { depth: 1 })]);
    const { heard } = await restored(rig, backup.manifest, { paths: [rig.file("nowhere")] });
    expect(heard).toHaveLength(1);
    expect(heard[0]).toContain("the backup has nothing of that path");
  });
});

test("files and bundles are in one backup, and both come back", async () => {
  await using rig = await filled();
  await script(join(rig.path, "pickers.d"), "all", `find '${rig.file("one")}' -print0`);
  const { backup, summary } = await rig.run({ bundles: [section(rig.file("two"))] });
  expect(summary).toMatchObject({ files: 2, bundles: { bundles: 1, stored: 1 } });
  const { target, heard } = await restored(rig, backup.manifest);
  expect(heard).toEqual([]);
  expect(await readFile(join(target, rig.file("one/deep/b")), "utf8")).toBe("second");
  expect(await readFile(join(target, rig.file("two/c")))).toEqual(Buffer.from(noise(200_000)));
  expect((await stat(join(target, rig.file()))).mtimeMs).toBe((await stat(rig.file())).mtimeMs);
});

for (const isThere of [true, false]) {
  test(`files and two sections with folders in common come back into a target that is ${isThere ? "there" : "made"}`, async () => {
    await using rig = await filled();
    await rig.write("zoo/last", "sorts behind the bundles");
    await script(join(rig.path, "pickers.d"), "all", `find '${rig.file("one")}' '${rig.file("zoo")}' -print0`);
    const sections = [section(rig.file("one/deep")), section(rig.file("two"), { name: "second", depth: 1 })];
    const { backup } = await rig.run({ bundles: sections });
    const { target, heard } = await restored(rig, backup.manifest, { isThere });
    expect(heard).toEqual([]);
    expect(await readFile(join(target, rig.file("one/deep/b")), "utf8")).toBe("second");
    expect(await readFile(join(target, rig.file("two/c")))).toEqual(Buffer.from(noise(200_000)));
    expect(await readFile(join(target, rig.file("zoo/last")), "utf8")).toBe("sorts behind the bundles");
    for (const path of ["", "one", "two"]) {
      const [made, own] = [await stat(join(target, rig.file(path))), await stat(rig.file(path))];
      expect([made.mode, made.mtimeMs]).toEqual([own.mode, own.mtimeMs]);
    }
  });
}

for (const compression of bundleCompressions) {
  test(`a bundle with ${compression} and a keyfile is undone by this program and by hand`, async () => {
    await using rig = await filled();
    const sealed = section(rig.file("two"), { compression, keyfile: join(rig.path, "key") });
    const { backup, heard } = await bundle(rig, [sealed]);
    expect(heard.join()).toContain("Keep a copy of it where neither this machine nor the bucket is");
    expect((await stat(sealed.keyfile ?? "")).mode & 0o777).toBe(0o600);
    const content = Buffer.from(noise(200_000));
    const ref = theBundle(backup.manifest, rig.file("two"));
    expect(await readFile(join(await undone(rig, ref, sealed), rig.file("two/c")))).toEqual(content);
    const closed = await restored(rig, backup.manifest);
    expect(closed.heard).toEqual([expect.stringContaining("is sealed, and no keyfile is given")]);
    using _ = usePassword(passwordIn(await readFile(sealed.keyfile ?? "")));
    const { target, heard: trouble } = await restored(rig, backup.manifest);
    expect(trouble).toEqual([]);
    expect(await readFile(join(target, rig.file("two/c")))).toEqual(content);
  });
}

test("nothing of a sealed bundle is readable in the bucket, not even a name in its table of contents", async () => {
  await using rig = await filled();
  await rig.write("secret/quarterly figures", "nobody is to read this ".repeat(50));
  const { backup } = await bundle(rig, [section(rig.file("secret"), { keyfile: join(rig.path, "key") })]);
  const { key, table } = theBundle(backup.manifest, rig.file("secret"));
  for (const one of [key, ...table.map((part) => part.key)]) {
    expect(one).toEndWith(".aes");
    const stored = Buffer.concat(await Array.fromAsync(rig.bucket.get(one)));
    expect(stored.toString("latin1").slice(0, 8)).toBe("Salted__");
    expect(stored.includes("quarterly")).toBe(false);
  }
});

describe("keyfiles", () => {
  test("a keyfile that others can read is refused by name, and the bundles of before stay in the backup", async () => {
    await using rig = await filled();
    const keyfile = join(rig.path, "key");
    const sections = [section(rig.file("two"), { keyfile })];
    const before = await bundle(rig, sections);
    await chmod(keyfile, 0o640);
    await rig.write("two/c", "changed");
    rig.ahead += 60_000;
    const { heard, backup } = await bundle(rig, sections);
    expect(heard.join("\n")).toContain(
      `cannot use the keyfile ${JSON.stringify(keyfile)}: others than its owner can read it`,
    );
    expect(heard.join("\n")).toContain("the backup has 1 of them as earlier runs stored them");
    expect(backup.manifest.bundles).toEqual(before.backup.manifest.bundles);
  });

  test("a keyfile of which OpenSSL takes next to nothing is refused", async () => {
    await using rig = await filled();
    const keyfile = join(rig.path, "key");
    await writeFile(keyfile, Buffer.concat([Buffer.from("ab\n"), Buffer.from(noise(4000))]), { mode: 0o600 });
    const { heard } = await bundle(rig, [section(rig.file("two"), { keyfile })]);
    expect(heard.join()).toContain("OpenSSL takes only the 2 bytes before its first new line or zero byte");
  });

  test("another keyfile sends a bundle again that did not change", async () => {
    await using rig = await filled();
    await bundle(rig, [section(rig.file("two"), { keyfile: join(rig.path, "key") })]);
    rig.ahead += 60_000;
    const keyfile = join(rig.path, "other");
    await writeFile(keyfile, "another secret", { mode: 0o600 });
    const { summary, heard } = await bundle(rig, [section(rig.file("two"), { keyfile })]);
    expect(summary.bundles).toMatchObject({ stored: 1 });
    expect(heard.join()).toContain("1 bundles of [bundle test] are sealed with another keyfile");
  });

  test("a keyfile that was there and is gone is not made again in silence, and the bundles of before stay in the backup", async () => {
    await using rig = await filled();
    const keyfile = join(rig.path, "key");
    const sections = [section(rig.file("two"), { keyfile })];
    const before = await bundle(rig, sections);
    await rm(keyfile);
    rig.ahead += 60_000;
    const { heard, backup } = await bundle(rig, sections);
    expect(heard.join()).toContain("it is not there, and 1 bundles of this section are sealed with a keyfile");
    expect(existsSync(keyfile)).toBe(false);
    expect(backup.manifest.bundles).toEqual(before.backup.manifest.bundles);
  });

  test.skipIf(!isRoot)("a keyfile is neither made nor used in a folder that other users can write to", async () => {
    await using rig = await filled();
    const open = join(rig.path, "open");
    await mkdir(open);
    await chmod(open, 0o777);
    const { heard, summary } = await bundle(rig, [section(rig.file("two"), { keyfile: join(open, "key") })]);
    expect(summary.bundles).toMatchObject({ bundles: 0 });
    expect(heard.join()).toContain("they could put another file in its place");
    expect(existsSync(join(open, "key"))).toBe(false);
  });
});

describe("what is known of bundles elsewhere", () => {
  test("verify finds a bundle whole, and names the files of one that is damaged", async () => {
    await using rig = await filled();
    const { backup } = await bundle(rig, [section(rig.file(), { depth: 1 })]);
    const options = { bucket: rig.bucket, now: rig.now, read: everything };
    expect(await verified(options)).toMatchObject({ state: "restorable", findings: [] });
    const { key } = theBundle(backup.manifest, rig.file("two"));
    const path = join(rig.path, "bucket", key);
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff;
    await chmod(path, 0o600);
    await writeFile(path, bytes);
    const { state, losses } = await verified(options);
    expect(state).toBe("damaged");
    expect(losses.map(({ path: lost }) => lost)).toEqual([rig.file("two/c")]);
  });

  test("a path that may lie in a sealed bundle, or in a table that is damaged, is not said to be in no backup", async () => {
    await using rig = await filled();
    const { backup } = await bundle(rig, [section(rig.file("two"), { keyfile: join(rig.path, "key") })]);
    const paths = [rig.file("two/c")];
    const said = async () => (await restored(rig, backup.manifest, { paths })).heard.join("\n");
    for (const password of [undefined, Buffer.from("another keyfile")]) {
      using _ = password && usePassword(password);
      expect(await said()).toContain("nothing of that path is in what can be read of the manifest");
    }
  });

  test("verify without the keyfile finds a sealed bundle that is damaged by its digest", async () => {
    await using rig = await filled();
    const { backup } = await bundle(rig, [section(rig.file("two"), { keyfile: join(rig.path, "key") })]);
    const options = { bucket: rig.bucket, now: rig.now, read: everything };
    expect(await verified(options)).toMatchObject({ state: "restorable", findings: [] });
    const { key } = theBundle(backup.manifest, rig.file("two"));
    const path = join(rig.path, "bucket", key);
    const bytes = await readFile(path);
    bytes[1000] = (bytes[1000] ?? 0) ^ 0xff;
    await chmod(path, 0o600);
    await writeFile(path, bytes);
    expect((await verified(options)).state).toBe("damaged");
  });

  test("prune removes bundles that no backup needs any more, and no others", async () => {
    await using rig = await filled();
    const sections = [section(rig.file(), { depth: 1, keyfile: join(rig.path, "key") })];
    const first = await bundle(rig, sections);
    await rig.write("one/a", "changed");
    rig.ahead += 60_000;
    const last = await bundle(rig, sections);
    rig.ahead += 45 * day;
    await pruneRig(rig, { last: 1 });
    const gone = theBundle(first.backup.manifest, rig.file("one"));
    expect(await rig.bucket.head(gone.key, gone.version)).toBeUndefined();
    for (const { key, version, table } of last.backup.manifest.bundles) {
      for (const one of [{ key, version }, ...table]) expect(await rig.bucket.head(one.key, one.version)).toBeDefined();
    }
  });
});

test("bundles of other sections stay in the backup when some are stored alone", async () => {
  await using rig = await filled();
  const first = await bundle(rig, [section(rig.file("one"), { name: "one" })]);
  rig.ahead += 60_000;
  const { backup } = await bundle(rig, [section(rig.file("two"), { name: "two" })]);
  expect(backup.manifest.bundles.map(({ section: name }) => name).sort()).toEqual(["one", "two"]);
  expect(backup.manifest.bundles).toContainEqual(theBundle(first.backup.manifest, rig.file("one")));
});

test("what is excluded, and what this program writes itself, is not in a bundle", async () => {
  await using rig = await filled();
  await rig.write("one/cache/x", "left out");
  await rig.write("one/y.tmp", "left out");
  const exclude = ["*.tmp", `${rig.path}/**/cache`];
  const { backup } = await bundle(rig, [section(rig.path, { exclude })]);
  const { target } = await restored(rig, backup.manifest);
  const there = (path: string) =>
    stat(join(target, path)).then(
      () => true,
      () => false,
    );
  expect(await there(rig.file("one/a"))).toBe(true);
  for (const path of [rig.file("one/cache"), rig.file("one/y.tmp"), join(rig.path, "bucket/bundles")]) {
    expect(await there(path)).toBe(false);
  }
});
