/** What bundles cost: by their classes, beside the files, and thawed. */
import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { costOfBackups } from "../../../core/cost/cost.ts";
import { measure } from "../../../core/cost/measure.ts";
import { toDecimal } from "../../../core/cost/money.ts";
import { builtInPrices, parsePrices } from "../../../core/cost/prices.ts";
import { thawBill } from "../../../core/cost/thaw-bill.ts";
import { section } from "../archive/bundling/support.ts";
import { Rig } from "../archive/rig.ts";
import { script } from "../archive/scripts.ts";

const { signal } = new AbortController();
const MiB = 1024 ** 2;

async function costOf(rig: Rig) {
  const measured = await measure({
    bucket: rig.bucket,
    name: "host",
    now: rig.now,
    onLost: (why) => {
      throw new Error(why);
    },
    onProgress: () => {},
    signal,
  });
  using _ = measured.history;
  const cost = costOfBackups(measured, builtInPrices(), 7);
  if (cost === undefined) throw new Error("no cost");
  return cost;
}

test("bundles are priced by their classes, apart from the files, and thawing by each speed", async () => {
  await using rig = await Rig.make();
  await rig.write("plain/file", "of the files");
  await rig.write("deep/file", randomBytes(2 * MiB));
  await rig.write("warm/file", randomBytes(MiB));
  await script(join(rig.path, "pickers.d"), "all", `find '${rig.file("plain")}' -print0`);
  const warm = { ...section(rig.file("warm"), { storageClass: "STANDARD_IA" }), name: "warm" };
  const keyfile = join(rig.path, "keyfile");
  const bundles = [section(rig.file("deep"), { storageClass: "DEEP_ARCHIVE", keyfile }), warm];
  await rig.run({ bundles });
  await rig.write("deep/file", randomBytes(3 * MiB));
  await rig.run({ bundles });

  const { cold, figures } = await costOf(rig);
  // Nothing of the bundles is among the packs.
  expect(figures["as it is"].content.kept.bytes).toBeLessThan(MiB / 10);
  expect(figures["as it is"].reads.bytes).toBeLessThan(MiB / 10);
  const [ia, deep, ...others] = cold.classes;
  expect(others).toEqual([]);
  expect(ia).toMatchObject({ name: "S3 Standard-IA", kept: { objects: 1 }, live: { objects: 1 } });
  expect(deep).toMatchObject({ name: "S3 Glacier Deep Archive", kept: { objects: 2 }, live: { objects: 1 } });
  expect(deep?.kept.bytes).toBeGreaterThan(5 * MiB);
  expect(deep?.live.bytes).toBeLessThan(4 * MiB);
  const { bytes } = deep?.live ?? { bytes: 0 };
  const table = builtInPrices();
  const tier = "DEEP_ARCHIVE" as const;
  expect(cold.thaw.map(({ speed }) => speed)).toEqual(["bulk", "standard"]);
  expect(cold.thaw[0]?.cost).toBe(thawBill([{ tier, objects: 1, bytes }], "bulk", 7, table) ?? -1n);
});

test("thawing a TiB costs what the table says: requests, bytes, and the copy for as long as it is kept", () => {
  const table = builtInPrices();
  const group = { tier: "DEEP_ARCHIVE", objects: 1_000, bytes: 1024 ** 4 } as const;
  // 0.025 + 1024 × 0.0025 + 1024 × 0.023 × 7 / 30
  expect(toDecimal(thawBill([group], "bulk", 7, table) ?? 0n)).toBe("8.080466667");
  expect(thawBill([group], "expedited", 7, table)).toBeUndefined();
  // What is thawed in INTELLIGENT_TIERING is not stored twice.
  expect(thawBill([{ ...group, tier: "ARCHIVE_ACCESS" }], "bulk", 7, table)).toBe(0n);
});

test("a price table without archive classes may be used, and knows no price of thawing", () => {
  const { archives: _, thaw: __, ...bare } = Bun.YAML.parse(pricesText) as Record<string, unknown>;
  const table = parsePrices(JSON.stringify(bare), "mine");
  expect(thawBill([{ tier: "GLACIER", objects: 1, bytes: 1 }], "bulk", 7, table)).toBeUndefined();
});

const pricesText = await Bun.file(join(import.meta.dir, "../../../core/cost/prices.yaml")).text();
