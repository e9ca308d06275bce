/** What a sealed backup lists as needed: `prune` and `verify` go by it without an identity. */
import { expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeManifest, encodeManifest, type Manifest } from "../../../core/format/manifest/manifest.ts";
import { needsMarkOf } from "../../../core/format/manifest/sealed-ref.ts";
import { withoutNames } from "../../../core/format/manifest/sealed-root.ts";
import { openSealed } from "../../../core/manifest/sealed.ts";
import { openWith, sealFor } from "../../../core/sealing/use.ts";
import { once } from "../../../core/stored/bytes.ts";
import { writeHashed } from "../../../core/stored/write.ts";
import { noise } from "../../restore/support.ts";
import { verified } from "../../restore/verify/plant.ts";
import { attack } from "../../support/attack.ts";
import { script } from "../archive/scripts.ts";
import { SealedRig, tools } from "./rig.ts";

const textOf = (bytes: Uint8Array) => Bun.zstdDecompressSync(bytes);

/** A sealed backup of a file and a dump, and its roots. */
async function sealedBackup() {
  const sealed = await SealedRig.make();
  const { rig } = sealed;
  await rig.write("file", noise(3_000_000));
  await script(join(rig.path, "snapshots.d"), "db", "echo a dump >&3");
  const sealing = await sealFor([sealed.recipient], () => {});
  const { summary } = await sealed.archive();
  const path = join(rig.path, "bucket", summary.key);
  const outer = await decodeManifest(once(textOf(await readFile(path))));
  using _opening = await openWith(sealed.identityFile, tools);
  const inner = await openSealed(rig.bucket, outer);
  return { sealed, sealing, path, outer, inner, summary };
}

type SealedBackup = Awaited<ReturnType<typeof sealedBackup>>;

/** Puts another root in its place, as one who writes to the disk can. */
async function replace({ path, summary }: SealedBackup, root: Manifest) {
  const bytes = Bun.zstdCompressSync(Buffer.from(encodeManifest(root)));
  const record = `${path}~${summary.version}.json`;
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  await writeFile(
    record,
    JSON.stringify({ ...JSON.parse(await readFile(record, "utf8")), size: bytes.length, sha256 }),
  );
  await writeFile(path, bytes);
}

const found = async ({ sealed: { rig } }: SealedBackup) =>
  (await verified({ bucket: rig.bucket, now: rig.now, name: "host" })).findings.map(
    ({ code, why }) => `${code}: ${why}`,
  );

attack(
  {
    by: "S",
    what: "the list of what a sealed backup needs is made shorter, so that prune removes what it needs",
    before: "not seen without an identity, nor with one",
    now: "the root is refused, as it says how long the list is; with the identity, it is compared with the sealed root and with all parts and dumps",
  },
  async () => {
    const backup = await sealedBackup();
    await using sealed = backup.sealed;
    using _sealing = backup.sealing;
    const { outer, inner } = backup;
    const needs = outer.needs ?? [];
    expect(outer.header.needs).toEqual(needsMarkOf(needs));
    expect(await found(backup)).toEqual([]);

    const short = { ...outer, needs: needs.slice(1) };
    await replace(backup, short);
    expect(await found(backup)).toEqual([
      expect.stringContaining(`it lists ${needs.length - 1} needed objects, which are not`),
    ]);

    await replace(backup, { ...short, header: { ...outer.header, needs: needsMarkOf(short.needs) } });
    expect(await found(backup)).toEqual([]);
    using opening = await openWith(sealed.identityFile, tools);
    expect(await found(backup)).toEqual([expect.stringContaining("it is the sealed root of another backup")]);
    opening[Symbol.dispose]();

    // Anyone who can seal writes both roots.
    for (const prefix of ["packs/", "manifests/"]) {
      const listed = needs.filter(({ key }) => !key.startsWith(prefix));
      expect(listed.length).toBeLessThan(needs.length);
      const { bucket } = sealed.rig;
      const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + 1e10) } as const;
      const target = { bucket, retention, filters: ["age"] };
      const { proof: _proof, opened: _opened, needs: _needs, ...plain } = inner;
      const header = { ...inner.header, sealing: null, needs: needsMarkOf(listed) };
      const content = Buffer.from(encodeManifest({ ...plain, header }));
      const keyOf = (digest: string) => `manifests/host/parts/${digest}.jsonl.zst`;
      const { encoding: _encoding, ...ref } = await writeHashed(target, { content, codec: "frame", keyOf });
      await replace(backup, withoutNames(inner, ref, listed));
      expect(await found(backup)).toEqual([]);
      using _opening = await openWith(sealed.identityFile, tools);
      const [finding] = await found(backup);
      expect(finding).toMatch(new RegExp(`^manifest-damaged: it does not list "${prefix}.* as needed`));
    }
  },
);

test("a sealed backup whose list is whole is sound with its identity", async () => {
  const backup = await sealedBackup();
  await using sealed = backup.sealed;
  using _sealing = backup.sealing;
  using _opening = await openWith(sealed.identityFile, tools);
  expect(await found(backup)).toEqual([]);
});
