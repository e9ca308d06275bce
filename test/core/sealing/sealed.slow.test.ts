/** Sealed backups: what can be done with them with an identity, what without, and what the bucket gives away. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { keyedBy } from "../../../core/format/codecs/keyed.ts";
import { listBackups } from "../../../core/manifest/list.ts";
import { openWith, sealFor } from "../../../core/sealing/use.ts";
import { prune } from "../../../core/steward/prune.ts";
import { noise } from "../../restore/support.ts";
import { change, everything, verified } from "../../restore/verify/plant.ts";
import { attack } from "../../support/attack.ts";
import { section } from "../archive/bundling/support.ts";
import { script } from "../archive/scripts.ts";
import { SealedRig, tools } from "./rig.ts";

const secret = "what nobody is to read ".repeat(20);
const large = Buffer.concat([noise(3_000_000), Buffer.from(secret), noise(3_000_000)]);
const signal = new AbortController().signal;
const quiet = () => {};

async function filled(): Promise<SealedRig> {
  const sealed = await SealedRig.make();
  const { rig } = sealed;
  await rig.write("small-name-of-a-file", secret);
  await rig.write("folder-with-a-name/large", large);
  await script(
    join(rig.path, "snapshots.d"),
    "snapshotter-of-mine",
    `echo '::restore-through::restore-command-of-mine'; echo a description; yes '${secret}' | head -n 500 >&3`,
  );
  return sealed;
}

/** Does something with the identity. */
async function opened<T>(sealed: SealedRig, work: () => Promise<T>): Promise<T> {
  using _opening = await openWith(sealed.identityFile, tools);
  return await work();
}

const state = async ({ rig }: SealedRig, read?: typeof everything) => {
  const found = await verified({ bucket: rig.bucket, now: rig.now, name: "host", ...(read && { read }) });
  return { state: found.state, findings: found.findings.map(({ code, key }) => `${code} ${key.replace(/[/].*/, "")}`) };
};

describe.each(["program", "package"] as const)("sealed by the %s", (by) => {
  test(`a backup sealed by the ${by} is restored by the ${by}, dumps included`, async () => {
    await using sealed = await filled();
    using _sealing = await sealFor([sealed.recipient], quiet, { by });
    expect((await sealed.archive()).heard).toEqual([]);
    using _opening = await openWith(sealed.identityFile, { ...tools, by });
    const { read, dump, errors } = await sealed.restored();
    expect(errors).toEqual([]);
    expect((await read("small-name-of-a-file")).toString()).toBe(secret);
    expect((await read("folder-with-a-name/large")).equals(large)).toBe(true);
    expect(await dump("snapshotter-of-mine")).toBe(`${secret}\n`.repeat(500));
    expect((await sealed.manifest()).snapshots).toMatchObject([
      { snapshotter: "snapshotter-of-mine", restore_through: "restore-command-of-mine", description: "a description" },
    ]);
    expect(await state(sealed, everything)).toEqual({ state: "restorable", findings: [] });
  });
});

describe("a sealed backup", () => {
  attack(
    {
      by: "S",
      what: "every byte of a bucket with sealed backups in both layouts, with bundles, keys and metadata included, searched for names, content and digests of the source",
      before: "nothing was sealed: all of it was there",
      now: "none of it is found",
    },
    async () => {
      await using sealed = await filled();
      await sealed.rig.write("bundled-folder/bundled-file", `${secret}bundled`);
      await sealed.rig.write("bundled-folder/bundled-large", large);
      using _sealing = await sealFor([sealed.recipient], quiet);
      const bundles = (["state", "metadata"] as const).map((index) =>
        section(sealed.rig.file("bundled-folder"), { name: `section-${index}`, prefix: "prefix-of-mine", index }),
      );
      for (const layout of ["packs", "objects"] as const) {
        for (const text of [secret, `${secret}changed ${layout}`]) {
          await sealed.rig.write("small-name-of-a-file", text);
          await sealed.rig.write("bundled-folder/bundled-file", `${text}bundled`);
          await sealed.archive(sealed.rig.bucket, sealed.keyed, { content: { layout }, bundles });
        }
      }
      const texts = [secret, `${secret}changed packs`, `${secret}changed objects`];
      const manifest = await opened(sealed, () => sealed.manifest());
      expect(manifest.bundles).toHaveLength(2);
      const digests = [...texts, ...texts.map((text) => `${text}bundled`), large, `${secret}\n`.repeat(500)].flatMap(
        (content) => {
          const hash = createHash("sha256").update(content).digest();
          const md5 = createHash("md5").update(content).digest();
          return [hash, md5].flatMap((one) => [
            one,
            Buffer.from(one.toString("hex")),
            Buffer.from(one.toString("base64")),
          ]);
        },
      );
      const names = [
        "small-name",
        "folder-with",
        "snapshotter-of-mine",
        "restore-command",
        "a description",
        "nobody is to read",
        "machine",
        "bundled",
        "section-",
        "prefix-of-mine",
        ...manifest.bundles.map(({ fingerprint }) => fingerprint),
        sealed.rig.path,
      ];
      const hidden = [...digests, ...names.map((name) => Buffer.from(name)), large.subarray(1_000_000, 1_000_032)];
      const objects = await sealed.stored();
      expect(objects.size).toBeGreaterThan(8);
      for (const [key, { bytes, metadata }] of objects) {
        const text = key.endsWith(".jsonl.zst") ? zstdDecompressSync(bytes) : Buffer.alloc(0);
        for (const needle of hidden)
          for (const hay of [bytes, text, Buffer.from(key), Buffer.from(metadata)])
            expect({ key, found: hay.includes(needle) && needle.toString("latin1") }).toEqual({ key, found: false });
        expect(key).toMatch(
          /^(index|locks?|lock-proof|manifests)\/.*\.jsonl\.zst$|^(packs|content|bundles|snapshots|manifests)\/.*\.age$|^[a-z-]*lock/,
        );
      }
      for (const kind of ["packs/", "content/", "bundles/", "snapshots/"])
        expect([...objects.keys()].filter((key) => key.startsWith(kind)).length).toBeGreaterThan(0);
    },
  );

  test("a sealed backup names chunks as its secret does, so a machine without the secret finds none of them", async () => {
    await using sealed = await filled();
    using _sealing = await sealFor([sealed.recipient], quiet);
    await sealed.archive();
    const texts = [...(await sealed.stored())].filter(([key]) => key.startsWith("index/"));
    const index = texts.map(([, { bytes }]) => zstdDecompressSync(bytes).toString()).join("");
    const digest = createHash("sha256").update(secret).digest("hex");
    expect(index).toContain(sealed.keyed.chunkId(digest));
    expect(index).not.toContain(digest);
  });

  test("a sealed backup is listed, verified and pruned without an identity, and not opened", async () => {
    await using sealed = await filled();
    const { rig } = sealed;
    using _sealing = await sealFor([sealed.recipient], quiet);
    await sealed.archive();
    expect(await state(sealed)).toEqual({ state: "restorable", findings: [] });
    expect(await state(sealed, everything)).toEqual({ state: "restorable", findings: [] });
    expect((await Array.fromAsync(listBackups(rig, "host"))).map(({ state }) => state)).toEqual(["complete"]);
    await expect(sealed.manifest()).rejects.toThrow("it is sealed, and no identity is given");

    rig.ahead += 60 * 24 * 3600 * 1000;
    await rig.write("small-name-of-a-file", noise(2_000_000));
    await sealed.archive();
    const policy = { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    const job = { names: ["host"], policy, giveUp: [], now: rig.now, notify: quiet, onProgress: quiet, signal };
    const { backups } = await prune({ bucket: rig.bucket, ...job });
    expect(backups.map(({ fate }) => fate)).toEqual(["kept", "removed"]);
    using _opening = await openWith(sealed.identityFile, tools);
    const { read, dump, errors } = await sealed.restored();
    expect(errors).toEqual([]);
    expect(await dump("snapshotter-of-mine")).toBe(`${secret}\n`.repeat(500));
    expect((await read("folder-with-a-name/large")).equals(large)).toBe(true);
    expect((await read("small-name-of-a-file")).length).toBe(2_000_000);
  });

  test("a sealed backup whose objects are damaged or gone is found damaged without an identity", async () => {
    for (const folder of ["packs/", "manifests/host/parts/"]) {
      await using sealed = await filled();
      using _sealing = await sealFor([sealed.recipient], quiet);
      await sealed.archive();
      const key = (await sealed.rig.keys(folder))[0] ?? "";
      await change(sealed.rig, key, (bytes) => bytes.map((byte, at) => (at === bytes.length - 5 ? byte ^ 1 : byte)));
      const found = await state(sealed, everything);
      expect(found.state).toBe("damaged");
      expect(found.findings).toHaveLength(1);
    }
  });

  test.each(["program", "package"] as const)(
    "what lies before the damage in a sealed pack is restored, opened by the %s",
    async (by) => {
      await using sealed = await SealedRig.make();
      const files = new Map(Array.from({ length: 8 }, (_, number) => [`file ${number}`, noise(800_000)]));
      for (const [name, content] of files) await sealed.rig.write(name, content);
      using _sealing = await sealFor([sealed.recipient], quiet, { by });
      await sealed.archive();
      const [key = "", ...others] = await sealed.rig.keys("packs/");
      expect(others).toEqual([]);
      const damage = (bytes: Buffer) =>
        bytes.map((byte, at) => (at === Math.round(bytes.length * 0.9) ? byte ^ 1 : byte));
      await change(sealed.rig, key, damage);
      using _opening = await openWith(sealed.identityFile, { ...tools, by });
      const { read, errors } = await sealed.restored();
      const isWhole = async ([name, content]: [string, Buffer]) =>
        (await read(name).catch(() => undefined))?.equals(content);
      const restored = await Promise.all([...files].map(isWhole));
      const whole = restored.filter((one) => one === true).length;
      // Files share frames of a MiB or two, and the damage is in the last ones.
      expect(whole).toBeGreaterThanOrEqual(4);
      expect(whole).toBeLessThan(8);
      expect(restored.filter((one) => one === undefined)).toHaveLength(8 - whole);
      expect(errors).toHaveLength(8 - whole);
    },
  );

  test("a sealed backup is not opened by another identity, and that is no damage", async () => {
    for (const by of ["program", "package"] as const) {
      await using sealed = await filled();
      await using other = await SealedRig.make();
      using _sealing = await sealFor([sealed.recipient], quiet, { by });
      await sealed.archive();
      using _opening = await openWith(other.identityFile, { ...tools, by });
      await expect(sealed.manifest()).rejects.toThrow("the identity does not open it");
    }
  });

  test("a sealed backup that the identity does not open is verified as far as it goes, beside one that it opens", async () => {
    await using sealed = await filled();
    await using other = await SealedRig.make();
    using _before = await sealFor([sealed.recipient], quiet);
    await sealed.archive();
    expect(await state(sealed, everything)).toEqual({ state: "restorable", findings: [] });
    using _opening = await openWith(other.identityFile, tools);
    expect(await state(sealed, everything)).toEqual({
      state: "short",
      findings: ["not-checked manifests"],
    });
    using _after = await sealFor([other.recipient], quiet);
    await sealed.rig.write("small-name-of-a-file", "another");
    await sealed.archive();
    expect((await sealed.manifest()).totals.files).toBe(2);
  });

  test("a sealed backup for new recipients is opened by the new identity alone, also of what has not changed", async () => {
    await using sealed = await filled();
    await using other = await SealedRig.make();
    using _before = await sealFor([sealed.recipient], quiet);
    await sealed.archive();
    using _after = await sealFor([other.recipient], quiet);
    await sealed.archive(sealed.rig.bucket, keyedBy(Buffer.from("the same secret"), [other.recipient]));
    using _opening = await openWith(other.identityFile, tools);
    const { read, errors } = await sealed.restored();
    expect(errors).toEqual([]);
    expect((await read("folder-with-a-name/large")).equals(large)).toBe(true);
  });

  test("names of chunks differ for the same secret and other recipients, and not by their order", () => {
    const id = (...recipients: string[]) => keyedBy(Buffer.from("secret"), recipients).chunkId("00".repeat(32));
    expect(id("one", "two")).toBe(id("two", "one"));
    expect(id("one")).not.toBe(id("two"));
    expect(id("one")).not.toBe(id("one", "two"));
  });

  test("a sealed backup stores nothing again that an earlier one has, also after the loss of the state", async () => {
    await using sealed = await filled();
    using _sealing = await sealFor([sealed.recipient], quiet);
    await sealed.archive();
    const before = await sealed.rig.keys("packs/");
    expect((await sealed.archive()).summary).toMatchObject({ objectsStored: 0, unchanged: 2 });
    await Bun.file(sealed.rig.statePath()).delete();
    expect((await sealed.archive()).summary).toMatchObject({ objectsStored: 0, new: 2 });
    expect(await sealed.rig.keys("packs/")).toEqual(before);
  });

  test("a machine changes to sealed backups and back with its next run, and stores all of it again", async () => {
    await using sealed = await filled();
    const { rig } = sealed;
    await sealed.archive(rig.bucket, null);
    using _sealing = await sealFor([sealed.recipient], quiet);
    const second = await sealed.archive();
    expect(second.summary.objectsStored).toBeGreaterThan(0);
    using opening = await openWith(sealed.identityFile, tools);
    const manifest = await sealed.manifest();
    expect(manifest.needs?.every(({ key }) => key.endsWith(".age"))).toBe(true);
    const { read, errors } = await sealed.restored();
    expect(errors).toEqual([]);
    expect((await read("folder-with-a-name/large")).equals(large)).toBe(true);
    opening[Symbol.dispose]();
    await sealed.archive(rig.bucket, null);
    expect(await state(sealed)).toEqual({ state: "restorable", findings: [] });
    expect((await sealed.restored()).errors).toEqual([]);
  });
});
