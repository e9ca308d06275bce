/** Bundles that the script before this program has stored, made by its own recipe, and that are not sent again. */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Bucket, BucketError } from "../../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import type { BundleSection } from "../../../../core/config/bundle-section.ts";
import { passwordIn, usePassword } from "../../../../core/format/codecs/openssl.ts";
import { everything, verified } from "../../../restore/verify/plant.ts";
import { attack } from "../../../support/attack.ts";
import { run } from "../../../support/services/command.ts";
import { has, isRoot, moto } from "../../../support/services.ts";
import { buildTree } from "../../../support/tree/build.ts";
import { compareTrees } from "../../../support/tree/compare.ts";
import { describeTree } from "../../../support/tree/describe.ts";
import { type Children, device, fifo, file, folder, hardLink, link } from "../../../support/tree/literal.ts";
import { newTable, opened } from "../../table/support.ts";
import { noise } from "../noise.ts";
import { day, Rig } from "../rig.ts";
import { bundle, restored, section, theBundle } from "./support.ts";

const at = { modified: [1_700_000_000, 500_000_000] as [number, number] };
const late = { modified: [1_700_000_001, 123_456_789] as [number, number] };
const whole = { modified: [1_700_000_002, 0] as [number, number] };
const children: Children = {
  plain: file("some content\n", { ...at, mode: 0o640 }),
  empty: file("", whole),
  folder: folder({ "z last": file({ random: 700_000, seed: 1 }, late) }, at),
  // Comes later in the tar, and before in byte order.
  "folder-b": hardLink("tree/folder/z last"),
  é: file("name of two bytes", late),
  ["long".repeat(50)]: folder({ ["né".repeat(50)]: file("long", at) }, at),
  link: link("folder/z last", at),
  "long link": link("x".repeat(150), at),
  fifo: fifo(at),
  ...(isRoot
    ? { device: device("character device", [1, 5], at), owned: file("", { ...at, uid: 3_000_000, gid: 7 }) }
    : {}),
};

const algorithms = { bzip2: "bzip2", xz: "lzma" } as const;
const suffixes = { bzip2: "bz2", xz: "xz" } as const;
type Algorithm = keyof typeof algorithms;

type Options = {
  readonly keyfile?: string;
  /** What its metadata says in place of the MD5. */
  readonly metadata?: Readonly<Record<string, string>>;
};

/** Stores a folder as the script does, and returns the MD5. */
async function putByScript(rig: Rig, source: string, algorithm: Algorithm, options: Options = {}): Promise<string> {
  const made = join(rig.path, `made-${algorithm}`);
  const script = join(import.meta.dir, "..", "..", "..", "restore", "script-bundles", "script.py");
  const { keyfile, metadata } = options;
  const args = [source, made, algorithms[algorithm], ...(keyfile === undefined ? [] : [keyfile])];
  const md5 = (await run(["python3", script, ...args])).trim();
  const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
  await rig.bucket.put(keyOf(source, algorithm), await readFile(made), { retention, metadata: metadata ?? { md5 } });
  return md5;
}

const keyOf = (source: string, algorithm: Algorithm) => `${source.slice(1)}.tar.${suffixes[algorithm]}`;

const adopting = { job: { adoptBundles: true } } as const;

function sectionOf(rig: Rig, compression: Algorithm, more: Partial<BundleSection> = {}): BundleSection[] {
  return [section(rig.file("tree"), { compression, ...more })];
}

async function rigWithTree(): Promise<Rig> {
  const rig = await Rig.make();
  await buildTree(rig.file(), { tree: folder(children, at) });
  return rig;
}

async function newKeyfile(rig: Rig): Promise<string> {
  const keyfile = join(rig.path, "key");
  await writeFile(
    keyfile,
    randomBytes(4096).map((byte) => (byte === 0 || byte === 10 ? 1 : byte)),
    { mode: 0o600 },
  );
  return keyfile;
}

describe.skipIf(!["python3", "openssl", "xz", "bzip2"].every(has))("bundles of the script", () => {
  for (const compression of ["bzip2", "xz"] as const) {
    for (const sealed of [true, false]) {
      test(`a tree that Python's tarfile stored with ${compression}${sealed ? ", sealed by OpenSSL," : ""} is not sent, and comes back`, async () => {
        await using rig = await rigWithTree();
        const expected = await describeTree(rig.file("tree"));
        const keyfile = sealed ? await newKeyfile(rig) : undefined;
        await putByScript(rig, rig.file("tree"), compression, keyfile === undefined ? {} : { keyfile });
        const sections = sectionOf(rig, compression, { keyfile });
        const { summary, heard, backup } = await bundle(rig, sections, adopting);
        expect(summary.bundles).toMatchObject({ bundles: 1, stored: 0 });
        expect(heard.filter((line) => !line.startsWith("info own") && !line.startsWith("info adopted"))).toEqual([]);
        const { key, version } = theBundle(backup.manifest, rig.file("tree"));
        expect(key).toBe(keyOf(rig.file("tree"), compression));
        const lock = await rig.bucket.retention(key, version);
        expect(lock?.until.getTime()).toBeGreaterThanOrEqual(summary.retainUntil.getTime());
        using _ = keyfile === undefined ? undefined : usePassword(passwordIn(await readFile(keyfile)));
        const { target, heard: restoring } = await restored(rig, backup.manifest);
        expect(restoring).toEqual([]);
        expect(compareTrees(expected, await describeTree(rig.file("tree"), { under: target }))).toEqual([]);
      });
    }
  }

  test("what was adopted is kept by later runs, until it changes", async () => {
    await using rig = await rigWithTree();
    await putByScript(rig, rig.file("tree"), "bzip2");
    await bundle(rig, sectionOf(rig, "bzip2"), adopting);
    rig.ahead += 20 * day;
    const verdict = () => verified({ bucket: rig.bucket, now: rig.now, name: "host", read: everything });
    expect(await verdict()).toMatchObject({ state: "restorable", findings: [] });
    const later = await bundle(rig, sectionOf(rig, "bzip2"));
    expect(later.summary.bundles).toMatchObject({ bundles: 1, stored: 0 });
    const { key, version } = theBundle(later.backup.manifest, rig.file("tree"));
    const lock = await rig.bucket.retention(key, version);
    expect(lock?.until.getTime()).toBeGreaterThanOrEqual(later.summary.retainUntil.getTime());
    const index = await Promise.all(
      (await rig.keys("index/")).map(async (one) =>
        Buffer.from(Bun.zstdDecompressSync(Buffer.concat(await Array.fromAsync(rig.bucket.get(one))))).toString(),
      ),
    );
    expect(index.join()).not.toContain("tree");
    await rig.write("tree/plain", "other content");
    const changed = await bundle(rig, sectionOf(rig, "bzip2"), adopting);
    expect(changed.summary.bundles).toMatchObject({ bundles: 1, stored: 1 });
    expect(theBundle(changed.backup.manifest, rig.file("tree")).key).toStartWith("bundles/");
  });

  test("files with holes come back from the script's tar, which has none", async () => {
    await using rig = await Rig.make();
    const holed = join(rig.file("tree"), "holed");
    await rig.write("tree/holed", "begin");
    await run(["truncate", "-s", "5000000", holed]);
    await run([
      "bash",
      "-c",
      `printf end >> '${holed}'; printf middle | dd of='${holed}' bs=1 seek=2000000 conv=notrunc 2>&1`,
    ]);
    await putByScript(rig, rig.file("tree"), "bzip2");
    const { summary, backup } = await bundle(rig, sectionOf(rig, "bzip2"), adopting);
    expect(summary.bundles).toMatchObject({ stored: 0 });
    const { target } = await restored(rig, backup.manifest);
    expect((await readFile(join(target, holed))).equals(await readFile(holed))).toBe(true);
  });

  test("each folder at a depth is adopted by itself", async () => {
    await using rig = await Rig.make();
    for (const name of ["one", "two", "three"]) await rig.write(`tree/${name}/file`, noise(50_000, name.length));
    await putByScript(rig, rig.file("tree/one"), "xz");
    await putByScript(rig, rig.file("tree/two"), "xz");
    await rig.write("tree/two/file", "changed since");
    const { summary } = await bundle(rig, sectionOf(rig, "xz", { depth: 1 }), adopting);
    // What lies above is in a bundle of its own.
    expect(summary.bundles).toMatchObject({ bundles: 4, stored: 3 });
  });

  const others: readonly [string, (rig: Rig) => Promise<readonly BundleSection[]>][] = [
    [
      "another MD5",
      async (rig) => {
        await putByScript(rig, rig.file("tree"), "bzip2", { metadata: { md5: "0".repeat(32) } });
        return sectionOf(rig, "bzip2");
      },
    ],
    [
      "no MD5",
      async (rig) => {
        await putByScript(rig, rig.file("tree"), "bzip2", { metadata: {} });
        return sectionOf(rig, "bzip2");
      },
    ],
    [
      "a seal, and the section none",
      async (rig) => {
        await putByScript(rig, rig.file("tree"), "bzip2", { keyfile: await newKeyfile(rig) });
        return sectionOf(rig, "bzip2");
      },
    ],
    [
      "the seal of another keyfile",
      async (rig) => {
        await putByScript(rig, rig.file("tree"), "bzip2", { keyfile: await newKeyfile(rig) });
        return sectionOf(rig, "bzip2", { keyfile: await newKeyfile(rig) });
      },
    ],
    [
      "no seal, and the section one",
      async (rig) => {
        await putByScript(rig, rig.file("tree"), "bzip2");
        return sectionOf(rig, "bzip2", { keyfile: await newKeyfile(rig) });
      },
    ],
    [
      "content from before a change",
      async (rig) => {
        await putByScript(rig, rig.file("tree"), "bzip2");
        await rig.write("tree/plain", "some conteNt\n");
        return sectionOf(rig, "bzip2");
      },
    ],
  ];
  for (const [name, make] of others) {
    test(`a bundle of the script that has ${name} is not adopted: it is sent`, async () => {
      await using rig = await rigWithTree();
      const { summary } = await bundle(rig, await make(rig), adopting);
      expect(summary.bundles).toMatchObject({ bundles: 1, stored: 1 });
    });
  }

  test("a role that may not look up what the script has stored, or may not lock it, sends it, and says so", async () => {
    const denied = () => Promise.reject(new BucketError("denied", { doing: "do that", why: "access denied" }));
    for (const refused of ["head", "extend"] as const) {
      await using rig = await rigWithTree();
      await putByScript(rig, rig.file("tree"), "bzip2");
      const around = (bucket: Bucket) => wrapBucket(bucket, { [refused]: denied });
      const { summary, heard } = await bundle(rig, sectionOf(rig, "bzip2"), { ...adopting, around });
      expect(summary.bundles).toMatchObject({ bundles: 1, stored: 1 });
      expect(heard.filter((line) => line.startsWith("warning not-adopted: "))).toHaveLength(1);
    }
  });

  for (const sealed of [true, false]) {
    attack(
      {
        by: "W",
        what: "something else of the same size is put in place of what the script stored, with its MD5 in the metadata",
        before: "it was taken up as the bundle of the folder, and the folder was never sent",
        now: "what can be read is read and compared, and the folder is sent",
      },
      async () => {
        await using rig = await rigWithTree();
        const keyfile = sealed ? await newKeyfile(rig) : undefined;
        const md5 = await putByScript(rig, rig.file("tree"), "bzip2", keyfile === undefined ? {} : { keyfile });
        const key = keyOf(rig.file("tree"), "bzip2");
        const content = Buffer.concat(await Array.fromAsync(rig.bucket.get(key)));
        content.fill(1, content.length >> 1);
        const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
        await rig.bucket.put(key, content, { retention, metadata: { md5 } });
        const { summary, heard } = await bundle(rig, sectionOf(rig, "bzip2", { keyfile }), adopting);
        expect(summary.bundles).toMatchObject({ bundles: 1, stored: 1 });
        expect(heard.join("\n")).toContain("does not have the content that is noted of it");
      },
      { variant: sealed ? "sealed" : "not sealed" },
    );
  }

  attack(
    {
      by: "S",
      what: "the server says that it has locked what the script stored, and has not",
      before: "the backup promised a lock that was not there",
      now: "each lock is read back, and the folder is sent",
    },
    async () => {
      await using rig = await rigWithTree();
      await putByScript(rig, rig.file("tree"), "bzip2");
      const around = (bucket: Bucket) => wrapBucket(bucket, { extend: () => Promise.resolve() });
      const { summary, heard, backup } = await bundle(rig, sectionOf(rig, "bzip2"), { ...adopting, around });
      expect(summary.bundles).toMatchObject({ bundles: 1, stored: 1 });
      expect(heard.join("\n")).toContain("the server answered that it did");
      const { key, version } = theBundle(backup.manifest, rig.file("tree"));
      const lock = await rig.bucket.retention(key, version);
      expect(lock?.until.getTime()).toBeGreaterThanOrEqual(summary.retainUntil.getTime());
    },
  );

  test("without being asked, nothing is adopted", async () => {
    await using rig = await rigWithTree();
    await putByScript(rig, rig.file("tree"), "bzip2");
    expect((await bundle(rig, sectionOf(rig, "bzip2"))).summary.bundles).toMatchObject({ stored: 1 });
  });

  test.skipIf(!moto)("the script's table continues: its item gets what this program notes beside the MD5", async () => {
    if (!moto) return;
    await using rig = await rigWithTree();
    const table = opened(await newTable(moto), moto);
    const md5 = await putByScript(rig, rig.file("tree"), "bzip2", { metadata: {} });
    const key = keyOf(rig.file("tree"), "bzip2");
    await table.put([{ key, attributes: { md5 } }]);
    const sections = sectionOf(rig, "bzip2", { index: { table: table.name } });
    const { summary } = await bundle(rig, sections, { ...adopting, table });
    expect(summary.bundles).toMatchObject({ stored: 0 });
    const item = (await table.read([key], ["md5", "fingerprint", "version"])).get(key);
    expect(item).toEqual({ md5, fingerprint: expect.any(String), version: expect.any(String) });
    await rm(join(rig.path, "state"), { recursive: true });
    expect((await bundle(rig, sections, { ...adopting, table })).summary.bundles).toMatchObject({ stored: 0 });
    await rm(join(rig.path, "state"), { recursive: true });
    await table.put([{ key, attributes: { md5: "1".repeat(32) } }]);
    expect((await bundle(rig, sections, { ...adopting, table })).summary.bundles).toMatchObject({ stored: 1 });
  });
});
