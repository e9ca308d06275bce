/** What a steward does with sealed backups, whom nobody has given an identity: renew, prune and verify all that they need. */
import { describe, expect, test } from "bun:test";
import { openWith, sealFor } from "../../../core/sealing/use.ts";
import { everything, verified } from "../../restore/verify/plant.ts";
import { section } from "../archive/bundling/support.ts";
import { noise } from "../archive/noise.ts";
import { day } from "../archive/rig.ts";
import { pruneRig, renewRig } from "../steward/support.ts";
import { SealedRig, tools } from "./rig.ts";

const quiet = () => {};

async function filled(): Promise<SealedRig> {
  const sealed = await SealedRig.make();
  await sealed.rig.write("files/one", noise(300_000, 1));
  await sealed.rig.write("files/two", "text ".repeat(100_000));
  await sealed.rig.write("album/2019/photo", noise(200_000, 2));
  return sealed;
}

const archived = (sealed: SealedRig, layout: "packs" | "objects") =>
  sealed.archive(sealed.rig.bucket, sealed.keyed, {
    content: { layout },
    bundles: [section(sealed.rig.file("album"), { depth: 1 })],
  });

/** Keys whose newest lock ends before so many days from now; index objects aside, as no restore needs those. */
async function lockedShorter({ rig }: SealedRig, days: number): Promise<string[]> {
  const listed = (await Array.fromAsync(rig.bucket.listVersions(""))).flat();
  const short: string[] = [];
  for (const { key, version } of listed) {
    const until = (await rig.bucket.head(key, version))?.retention?.until.getTime() ?? 0;
    if (/^(packs|content|bundles|manifests|snapshots)\//.test(key) && until < rig.now().getTime() + days * day)
      short.push(key);
  }
  return short;
}

const state = async ({ rig }: SealedRig) => {
  const found = await verified({ bucket: rig.bucket, now: rig.now, name: "host", read: everything });
  return { state: found.state, findings: found.findings.map(({ code, key }) => `${code} ${key}`) };
};
const sound = { state: "restorable" as const, findings: [] as string[] };

describe.each(["packs", "objects"] as const)("a sealed backup with bundles, layout %s", (layout) => {
  test(`all that a sealed backup needs is renewed without an identity, its bundles too (layout ${layout})`, async () => {
    await using sealed = await filled();
    using _sealing = await sealFor([sealed.recipient], quiet);
    await archived(sealed, layout);
    sealed.rig.ahead += 25 * day;
    expect((await lockedShorter(sealed, 29)).length).toBeGreaterThan(5);
    const renewed = await renewRig(sealed.rig, { last: 1 });
    expect(renewed).toMatchObject({ backups: 1, damaged: 0, refused: 0, heard: [] });
    expect(await lockedShorter(sealed, 29)).toEqual([]);
    expect(await state(sealed)).toEqual(sound);
    using _opening = await openWith(sealed.identityFile, tools);
    expect((await sealed.restored()).errors).toEqual([]);
  });

  test(`a prune without an identity removes what only the older sealed backup needs, and nothing else (layout ${layout})`, async () => {
    await using sealed = await filled();
    const { rig } = sealed;
    using _sealing = await sealFor([sealed.recipient], quiet);
    await archived(sealed, layout);
    rig.ahead += 60 * day;
    await rig.write("files/one", noise(300_000, 3));
    await rig.write("album/2019/photo", noise(200_000, 4));
    await archived(sealed, layout);
    const before = (await rig.keys()).length;
    const pruned = await pruneRig(rig, { last: 1 });
    expect(pruned.heard).toEqual([]);
    expect(pruned.backups.map(({ fate }) => fate)).toEqual(["kept", "removed"]);
    expect((await rig.keys()).length).toBeLessThan(before);
    expect(await state(sealed)).toEqual(sound);
    const needed = new Set((await sealed.manifestNeeds()).map(({ key }) => key));
    const left = (await rig.keys()).filter((key) => /^(packs|content|bundles)\//.test(key));
    expect(left.filter((key) => !needed.has(key))).toEqual([]);
    using _opening = await openWith(sealed.identityFile, tools);
    const { read, errors } = await sealed.restored();
    expect(errors).toEqual([]);
    expect((await read("files/one")).equals(noise(300_000, 3))).toBe(true);
    expect((await read("album/2019/photo")).equals(noise(200_000, 4))).toBe(true);
  });
});
