/** What machines with sealed backups find in a table of DynamoDB: with the digest of the stored bytes, so that no identity is needed to check it. */
import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Keyed } from "../../../core/format/codecs/keyed.ts";
import { sealFor } from "../../../core/sealing/use.ts";
import { noise } from "../../restore/support.ts";
import { change, everything, verified } from "../../restore/verify/plant.ts";
import { moto } from "../../support/services.ts";
import { section } from "../archive/bundling/support.ts";
import type { RunOptions } from "../archive/rig.ts";
import { newTable, opened } from "../table/support.ts";
import { SealedRig } from "./rig.ts";

const quiet = () => {};
const sealedBytes = /^(packs|bundles\/host\/[^/]*\.toc)\/[0-9a-f]{64}\./;

async function set() {
  if (!moto) throw new Error("moto is not there");
  const sealed = await SealedRig.make();
  await sealed.rig.write("file", noise(300_000));
  return { sealed, table: opened(await newTable(moto), moto) };
}

const run = (sealed: SealedRig, options: RunOptions, keyed: Keyed = sealed.keyed) =>
  sealed.archive(sealed.rig.bucket, keyed, options);

/** What of the needs of the last backup of `host` neither its key nor its line tells the digest of. */
async function unchecked(sealed: SealedRig): Promise<string[]> {
  const needs = await sealed.manifestNeeds();
  expect(needs).not.toEqual([]);
  return needs.filter(({ key, sha256 }) => sha256 === undefined && !sealedBytes.test(key)).map(({ key }) => key);
}

async function isFoundDamaged({ rig }: SealedRig, key: string): Promise<boolean> {
  await change(rig, key, (bytes) => bytes.map((byte, at) => (at === bytes.length - 5 ? byte ^ 1 : byte)));
  const found = await verified({ bucket: rig.bucket, now: rig.now, name: "host", read: everything });
  return found.state === "damaged";
}

describe.skipIf(!moto)("a table of moto, and sealed backups", () => {
  test("a sealed content of a file that another machine has stored is checked without the identity", async () => {
    const { sealed, table } = await set();
    await using _ = sealed;
    using _sealing = await sealFor([sealed.recipient], quiet);
    await run(sealed, { name: "friend", table, content: { layout: "objects" } });
    const content = { layout: "objects", shareWith: ["friend"] } as const;
    const second = await run(sealed, { table, content });
    expect(second).toMatchObject({ heard: [], summary: { objectsStored: 0 } });
    expect(await unchecked(sealed)).toEqual([]);
    const [key = ""] = await sealed.rig.keys("content/");
    expect(await isFoundDamaged(sealed, key)).toBe(true);
  });

  test("a sealed bundle that a table knows after the loss of the state is checked without the identity", async () => {
    const { sealed, table } = await set();
    await using _ = sealed;
    using _sealing = await sealFor([sealed.recipient], quiet);
    const bundles = [section(sealed.rig.file(), { index: { table: table.name } })];
    const job = { openTable: () => table };
    await run(sealed, { bundles, table, job: { ...job, bundlesOnly: true } });
    await rm(join(sealed.rig.path, "state"), { recursive: true });
    const again = await run(sealed, { bundles, table, job: { ...job, bundlesOnly: true } });
    expect(again).toMatchObject({ heard: [], summary: { bundles: { bundles: 1, stored: 0 } } });
    expect(await unchecked(sealed)).toEqual([]);
    const [key = ""] = (await sealed.rig.keys("bundles/")).filter((one) => one.includes(".tar"));
    expect(await isFoundDamaged(sealed, key)).toBe(true);
  });

  test("a machine with another secret finds nothing of sealed backups in a table", async () => {
    const { sealed, table } = await set();
    await using _ = sealed;
    await using other = await SealedRig.make();
    using _sealing = await sealFor([sealed.recipient], quiet);
    await run(sealed, { name: "friend", table });
    const second = await run(sealed, { table, content: { shareWith: ["friend"] } }, other.keyed);
    expect(second.summary.objectsStored).toBeGreaterThan(0);
  });
});
