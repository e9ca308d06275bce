/** Bundles in sealed backups. */
import { describe, expect, test } from "bun:test";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { costOfBackups } from "../../../core/cost/cost.ts";
import { measure } from "../../../core/cost/measure.ts";
import { builtInPrices } from "../../../core/cost/prices.ts";
import { SealingFailure } from "../../../core/failure.ts";
import { keyedBy } from "../../../core/format/codecs/keyed.ts";
import { usePassword } from "../../../core/format/codecs/openssl.ts";
import { sealBy } from "../../../core/format/codecs/sealing.ts";
import { toText } from "../../../core/format/path.ts";
import { openWith, sealFor } from "../../../core/sealing/use.ts";
import { prune } from "../../../core/steward/prune.ts";
import { readKeyfile } from "../../../core/system/trust/keyfile.ts";
import { noise } from "../../restore/support.ts";
import { change, everything, verified } from "../../restore/verify/plant.ts";
import { attack } from "../../support/attack.ts";
import { run } from "../../support/services/command.ts";
import { section } from "../archive/bundling/support.ts";
import { script } from "../archive/scripts.ts";
import { SealedRig, tools } from "./rig.ts";

const quiet = () => {};
const signal = new AbortController().signal;
const photo = noise(400_000);
const names = ["picked", "photos/2019/a photo", "photos/2020/another", "photos/loose"];

async function filled() {
  const sealed = await SealedRig.make();
  const find = `find '${sealed.rig.file()}' -path '${sealed.rig.file("photos")}' -prune -o -print0`;
  await script(join(sealed.rig.path, "pickers.d"), "all", find);
  await sealed.rig.write("picked", "a file");
  await sealed.rig.write("photos/2019/a photo", photo);
  await sealed.rig.write("photos/2020/another", "text ".repeat(10_000));
  await sealed.rig.write("photos/loose", "above the depth");
  return sealed;
}

const photos = ({ rig }: SealedRig, more: Parameters<typeof section>[1] = {}) => [
  section(rig.file("photos"), { depth: 1, ...more }),
];

function archived(
  sealed: SealedRig,
  more: Parameters<typeof section>[1] = {},
  keyed: SealedRig["keyed"] | null = sealed.keyed,
) {
  return sealed.archive(sealed.rig.bucket, keyed, { bundles: photos(sealed, more) });
}

async function expectRestored(sealed: SealedRig) {
  const { read, errors } = await sealed.restored();
  expect(errors).toEqual([]);
  for (const name of names) expect((await read(name)).equals(await readFile(sealed.rig.file(name)))).toBe(true);
}

const state = async ({ rig }: SealedRig, read?: typeof everything) => {
  const found = await verified({ bucket: rig.bucket, now: rig.now, name: "host", ...(read && { read }) });
  return { state: found.state, findings: found.findings.map(({ code, key }) => `${code} ${key.replace(/[/].*/, "")}`) };
};
const sound = { state: "restorable" as const, findings: [] as string[] };

const tars = async ({ rig }: SealedRig) => (await rig.keys("bundles/")).filter((key) => key.includes(".tar"));

describe.each(["program", "package"] as const)("bundles sealed by the %s", (by) => {
  test(`bundles sealed by the ${by} are restored and verified with the identity, and verified without it`, async () => {
    await using sealed = await filled();
    using _sealing = await sealFor([sealed.recipient], quiet, { by });
    expect((await archived(sealed)).heard).toEqual([]);
    expect(await tars(sealed)).toHaveLength(4);
    for (const key of await sealed.rig.keys("bundles/"))
      expect(key).toMatch(/^bundles\/host\/[0-9a-f]{32}(\.tar|\.toc\/[0-9a-f]{64}\.jsonl)\.zst\.age$/);
    expect(await state(sealed)).toEqual(sound);
    expect(await state(sealed, everything)).toEqual(sound);
    using _opening = await openWith(sealed.identityFile, { ...tools, by });
    await expectRestored(sealed);
    expect(await state(sealed, everything)).toEqual(sound);
  });
});

test("bundles with a keyfile in a sealed backup need both, the keyfile and the identity", async () => {
  await using sealed = await filled();
  const keyfile = join(sealed.rig.path, "keyfile");
  using _sealing = await sealFor([sealed.recipient], quiet);
  await archived(sealed, { keyfile });
  expect((await tars(sealed)).every((key) => key.endsWith(".tar.zst.aes.age"))).toBe(true);
  using _opening = await openWith(sealed.identityFile, tools);
  const without = await sealed.restored();
  expect(without.errors).toHaveLength(4);
  expect(without.errors[0]).toContain("no keyfile is given");
  using _password = usePassword(await readKeyfile(keyfile));
  await expectRestored(sealed);
  expect(await state(sealed, everything)).toEqual(sound);
});

test("a sealed bundle is undone by hand with age, zstd and GNU tar", async () => {
  await using sealed = await filled();
  using _sealing = await sealFor([sealed.recipient], quiet);
  await archived(sealed);
  using _opening = await openWith(sealed.identityFile, tools);
  const { bundles } = await sealed.manifest();
  const ref = bundles.find(({ path }) => toText(path).endsWith("/2019"));
  if (ref === undefined) throw new Error("no bundle of 2019");
  const file = join(sealed.rig.path, "bucket", ref.key);
  const tar = `age -d -i '${sealed.identityFile}' '${file}' | zstd -dc | tar -x -C '${sealed.rig.path}/target'`;
  await run(["sh", "-c", `mkdir '${sealed.rig.path}/target' && ${tar}`]);
  const undone = join(sealed.rig.path, "target", sealed.rig.file("photos/2019/a photo"));
  expect((await readFile(undone)).equals(photo)).toBe(true);
});

test.each(["state", "metadata"] as const)(
  "a sealed bundle that did not change is not sent again (index = %s), and another secret sends it",
  async (index) => {
    await using sealed = await filled();
    using _sealing = await sealFor([sealed.recipient], quiet);
    expect((await archived(sealed, { index })).summary.bundles.stored).toBe(4);
    expect((await archived(sealed, { index })).summary.bundles.stored).toBe(0);
    const before = await tars(sealed);
    await rm(sealed.rig.statePath());
    const { summary } = await archived(sealed, { index });
    expect(summary.bundles.stored).toBe(index === "metadata" ? 0 : 4);
    expect(await tars(sealed)).toEqual(before);
    const other = keyedBy(Buffer.from("another secret"), [sealed.recipient]);
    expect((await archived(sealed, { index }, other)).summary.bundles.stored).toBe(4);
    expect(await tars(sealed)).toHaveLength(8);
    using _opening = await openWith(sealed.identityFile, tools);
    await expectRestored(sealed);
    expect(await state(sealed, everything)).toEqual(sound);
  },
);

test("a machine with bundles changes to sealed backups and back, and stores all of them again", async () => {
  await using sealed = await filled();
  const { rig } = sealed;
  await archived(sealed, {}, null);
  using _sealing = await sealFor([sealed.recipient], quiet);
  expect((await archived(sealed)).summary.bundles.stored).toBe(4);
  using opening = await openWith(sealed.identityFile, tools);
  const { bundles, needs = [] } = await sealed.manifest();
  expect([...bundles, ...needs].every(({ key }) => key.endsWith(".age"))).toBe(true);
  await expectRestored(sealed);
  opening[Symbol.dispose]();
  expect((await archived(sealed, {}, null)).summary.bundles.stored).toBe(4);
  await expectRestored(sealed);
  const all = await verified({ bucket: rig.bucket, now: rig.now });
  expect(all.findings.filter(({ code }) => code !== "newer-version")).toEqual([]);
});

test("sealed bundles are pruned and kept without an identity, as the root lists them as needed", async () => {
  await using sealed = await filled();
  const { rig } = sealed;
  using _sealing = await sealFor([sealed.recipient], quiet);
  await archived(sealed);
  rig.ahead += 60 * 24 * 3600 * 1000;
  await rig.write("photos/2020/another", "changed");
  await archived(sealed);
  const versions = async () => (await Array.fromAsync(rig.bucket.listVersions("bundles/"))).flat().length;
  const before = await versions();
  const policy = { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
  const job = { names: ["host"], policy, giveUp: [], now: rig.now, notify: quiet, onProgress: quiet, signal };
  const { backups } = await prune({ bucket: rig.bucket, ...job });
  expect(backups.map(({ fate }) => fate)).toEqual(["kept", "removed"]);
  expect(await versions()).toBeLessThan(before);
  expect(await state(sealed, everything)).toEqual(sound);
  using _opening = await openWith(sealed.identityFile, tools);
  await expectRestored(sealed);
});

test("what sealed bundles cost is known without an identity, by their storage classes", async () => {
  await using sealed = await filled();
  using _sealing = await sealFor([sealed.recipient], quiet);
  await archived(sealed, { storageClass: "DEEP_ARCHIVE" });
  const { bucket, now } = sealed.rig;
  const fail = (why: string) => {
    throw new Error(why);
  };
  const measured = await measure({ bucket, name: "host", now, onLost: fail, onProgress: quiet, signal });
  using _history = measured.history;
  const cold = costOfBackups(measured, builtInPrices(), 7)?.cold;
  expect(cold?.classes).toMatchObject([{ name: "S3 Glacier Deep Archive", live: { objects: 4 } }]);
  expect(cold?.thaw.map(({ speed }) => speed)).toEqual(["bulk", "standard"]);
});

test("a filter that fails at a bundle ends the run, and loses no backup", async () => {
  await using sealed = await filled();
  using _sealing = await sealFor([sealed.recipient], quiet);
  await archived(sealed);
  await sealed.rig.write("photos/2020/another", "changed");
  using _failing = sealBy("age", () => {
    throw new SealingFailure({ doing: "seal an object", why: "a test wants that" });
  });
  await expect(archived(sealed)).rejects.toThrow("a test wants that");
  using _opening = await openWith(sealed.identityFile, tools);
  expect((await sealed.restored()).errors).toEqual([]);
});

test("what the script has stored is not taken up into a sealed backup", async () => {
  await using sealed = await filled();
  using _sealing = await sealFor([sealed.recipient], quiet);
  const adopting = sealed.archive(sealed.rig.bucket, sealed.keyed, {
    bundles: photos(sealed),
    job: { adoptBundles: true },
  });
  await expect(adopting).rejects.toThrow("leave out --adopt");
});

const ways = {
  "cut short": (bytes: Uint8Array) => bytes.slice(0, -1_000),
  changed: (bytes: Uint8Array) => bytes.map((byte, at) => (at === bytes.length - 5 ? byte ^ 1 : byte)),
};

describe.each(["tar", "toc"] as const)("the sealed .%s of a bundle", (kind) => {
  test.each(Object.entries(ways))(
    `the sealed .${kind} of a bundle that is %s is found damaged with and without the identity`,
    async (_, way) => {
      await using sealed = await filled();
      using _sealing = await sealFor([sealed.recipient], quiet);
      await archived(sealed);
      const objects = (await Array.fromAsync(sealed.rig.bucket.list("bundles/"))).flat();
      const ofKind = objects.filter(({ key }) => key.includes(`.${kind}`));
      // The largest tar is that of the photo; the one above the depth has no file.
      const { key } = ofKind.toSorted((one, other) => other.size - one.size)[0] ?? { key: "" };
      await change(sealed.rig, key, way);
      expect((await state(sealed, everything)).state).toBe("damaged");
      using _opening = await openWith(sealed.identityFile, tools);
      expect((await state(sealed, everything)).state).toBe("damaged");
      expect((await sealed.restored()).errors).not.toEqual([]);
    },
  );
});

attack(
  {
    by: "S",
    what: "two sealed bundles, or two sealed contents of files, are exchanged by one who writes to the disk of the bucket, each whole and for the right recipients",
    before: "bundles were not sealed for recipients",
    now: "no file is restored with the content of the other; verify finds both damaged, with and without the identity",
  },
  async () => {
    for (const [layout, prefix] of [
      ["packs", "bundles/"],
      ["objects", "content/"],
    ] as const) {
      await using sealed = await filled();
      await sealed.rig.write("picked too", "another ");
      using _sealing = await sealFor([sealed.recipient], quiet);
      await sealed.archive(sealed.rig.bucket, sealed.keyed, { content: { layout }, bundles: photos(sealed) });
      const [one = "", other = ""] = (await sealed.rig.keys(prefix)).filter((key) => !key.includes(".toc"));
      const bytesOf = async (key: string) => Buffer.concat(await Array.fromAsync(sealed.rig.bucket.get(key)));
      const [bytes, others] = [await bytesOf(one), await bytesOf(other)];
      await change(sealed.rig, one, () => others);
      await change(sealed.rig, other, () => bytes);
      expect((await state(sealed, everything)).state).toBe("damaged");
      using _opening = await openWith(sealed.identityFile, tools);
      expect((await state(sealed, everything)).state).toBe("damaged");
      const { read, errors } = await sealed.restored();
      expect(errors).not.toEqual([]);
      for (const name of names) {
        const content = await read(name).catch(() => undefined);
        if (content !== undefined) expect(content.equals(await readFile(sealed.rig.file(name)))).toBe(true);
      }
    }
  },
);

test("a sealed backup with bundles is not opened by another identity, and that is no damage", async () => {
  await using sealed = await filled();
  await using other = await SealedRig.make();
  using _sealing = await sealFor([sealed.recipient], quiet);
  await archived(sealed);
  using _opening = await openWith(other.identityFile, tools);
  await expect(sealed.manifest()).rejects.toThrow("the identity does not open it");
  expect(await state(sealed, everything)).toEqual({ state: "short", findings: ["not-checked manifests"] });
});

describe("the layout objects in a sealed backup", () => {
  const objects = { content: { layout: "objects" } } as const;

  test("contents of files, small and large, are sealed under keyed names, and come back", async () => {
    await using sealed = await filled();
    const large = noise(3_000_000);
    await sealed.rig.write("large", large);
    await sealed.rig.write("twin", large);
    await writeFile(sealed.rig.file("text"), "text ".repeat(400_000));
    using _sealing = await sealFor([sealed.recipient], quiet);
    expect((await sealed.archive(sealed.rig.bucket, sealed.keyed, objects)).heard).toEqual([]);
    const sha256 = new Bun.CryptoHasher("sha256").update(large).digest("hex");
    const stored = await sealed.rig.keys("content/");
    expect(stored).toHaveLength(3);
    expect(stored).toContain(`content/${sealed.keyed.chunkId(sha256)}.age`);
    expect(await state(sealed, everything)).toEqual(sound);
    using opening = await openWith(sealed.identityFile, tools);
    const { read, errors } = await sealed.restored();
    expect(errors).toEqual([]);
    expect((await read("twin")).equals(large)).toBe(true);
    expect((await read("text")).toString()).toBe("text ".repeat(400_000));
    expect(await state(sealed, everything)).toEqual(sound);
    opening[Symbol.dispose]();
    expect((await sealed.archive(sealed.rig.bucket, sealed.keyed, objects)).summary.objectsStored).toBe(0);
    await rm(sealed.rig.statePath());
    expect((await sealed.archive(sealed.rig.bucket, sealed.keyed, objects)).summary.objectsStored).toBe(0);
    expect(
      (await sealed.manifestNeeds()).every(({ key, sha256 }) => key.startsWith("packs/") || sha256 !== undefined),
    ).toBe(true);
  });

  test.each(Object.entries(ways))(
    "a sealed content that is %s is found damaged without the identity, also after the loss of the state",
    async (_, way) => {
      await using sealed = await filled();
      using _sealing = await sealFor([sealed.recipient], quiet);
      await sealed.archive(sealed.rig.bucket, sealed.keyed, objects);
      await rm(sealed.rig.statePath());
      await sealed.archive(sealed.rig.bucket, sealed.keyed, objects);
      const [key = ""] = await sealed.rig.keys("content/");
      await change(sealed.rig, key, way);
      expect((await state(sealed, everything)).state).toBe("damaged");
    },
  );
});
