/** Roots that name bundles, made by an enemy: what honest backups need stays, and a restore writes nothing but what is in its target. */
import { expect, test } from "bun:test";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { keys } from "../../../../core/format/keys/keys.ts";
import type { BundleRef, Manifest } from "../../../../core/format/manifest/manifest.ts";
import { encodeManifest } from "../../../../core/format/manifest/manifest.ts";
import { exitOf } from "../../../../restore/restore.ts";
import { everything, verified } from "../../../restore/verify/plant.ts";
import { attack } from "../../../support/attack.ts";
import { pruneRig } from "../../steward/support.ts";
import { day, Rig } from "../rig.ts";
import { bundle, restored, section, theBundle } from "./support.ts";

async function twoBundles() {
  const rig = await Rig.make();
  await rig.write("cold/one/x", "of the first");
  await rig.write("cold/two/y", "of the second");
  const { backup } = await bundle(rig, [section(rig.file("cold"), { depth: 1 })]);
  const { manifest } = backup;
  const [one, two] = [theBundle(manifest, rig.file("cold/one")), theBundle(manifest, rig.file("cold/two"))];
  return { rig, manifest, one, two, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

type Forgery = (honest: { readonly one: BundleRef; readonly two: BundleRef }) => BundleRef;

const forgeries: Readonly<Record<string, Forgery>> = {
  "the table of contents of another bundle": ({ one, two }) => ({ ...one, table: two.table }),
  "an index object in the place of its table": ({ one }) => ({
    ...one,
    table: one.table.map((part) => ({ ...part, key: "index/host/x.jsonl.zst" })),
  }),
  "a table that begins far above it": ({ one, two }) => ({
    ...one,
    table: two.table.map((part) => ({ ...part, first: "/" as typeof part.first })),
  }),
};

for (const [variant, forge] of Object.entries(forgeries)) {
  attack(
    {
      by: "W",
      what: "a root that lies about a bundle",
      before: "bundles were attacked by their tars only",
      now: "the bundle is damaged, nothing of it is written where it should not be, and the others come back",
    },
    async () => {
      await using honest = await twoBundles();
      const { rig, manifest, one, two } = honest;
      const forged: Manifest = {
        ...manifest,
        bundles: manifest.bundles.map((ref) => (ref === one ? forge({ one, two }) : ref)),
      };
      const { figures, target } = await restored(rig, forged);
      const cold = join(target, rig.file("cold"));
      // The content that the table states is not what the object holds, or the table is not of this bundle.
      expect(await stat(join(cold, "one/x")).catch(() => undefined)).toBeUndefined();
      expect(await readFile(join(cold, "two/y"), "utf8")).toBe("of the second");
      expect(await readdir(cold)).toEqual(["two"]);
      expect(exitOf(figures)).toBe(4);
    },
    { variant },
  );
}

attack(
  {
    by: "H",
    what: "a root that names bundles of another host, as its own and with wrong sizes",
    before: "bundles were attacked by their tars only",
    now: "prune removes none of them while an honest backup needs them, and verify of the honest backup finds it whole",
  },
  async () => {
    await using honest = await twoBundles();
    const { rig, manifest, one } = honest;
    const evil: Manifest = {
      ...manifest,
      header: { ...manifest.header, name: "evil", run: "0000000f" },
      parts: [],
      bundles: [
        { ...one, size: 1 },
        { ...one, path: "/" as typeof one.path, depth: 0, size: Number.MAX_SAFE_INTEGER, files: 0 },
        { ...one, path: "/zz" as typeof one.path, key: manifest.bundles[0]?.table[0]?.key ?? "" },
      ],
    };
    const start = new Date(manifest.header.started);
    const body = Bun.zstdCompressSync(encodeManifest(evil));
    const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
    await rig.bucket.put(keys.manifest("evil", { start, run: "0000000f" }), body, { retention });

    rig.ahead += 400 * day;
    const before = await rig.keys("bundles/");
    await pruneRig(rig, { last: 1 });
    expect(await rig.keys("bundles/")).toEqual(before);
    const host = await verified({ bucket: rig.bucket, now: rig.now, name: "host", read: everything });
    expect(host).toMatchObject({ lost: 0, found: { damage: 0 } });
    const lied = await verified({ bucket: rig.bucket, now: rig.now, name: "evil", read: everything });
    expect(lied.state).toBe("damaged");
    // The liar's own backup goes, and what the honest one needs stays.
    const { figures } = await restored(rig, manifest);
    expect(exitOf(figures)).toBe(0);
  },
);

test("the honest twin of a forged root comes back", async () => {
  await using honest = await twoBundles();
  const { figures } = await restored(honest.rig, honest.manifest);
  expect(exitOf(figures)).toBe(0);
});
