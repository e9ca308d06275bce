/** Roots that say of a part what is not so, while other backups with that part are sound. */
import { expect, test } from "bun:test";
import type { Manifest, PartRef } from "../../../core/format/manifest/manifest.ts";
import { fromText } from "../../../core/format/path.ts";
import { Fixture, file, folder } from "../support.ts";
import { verified } from "./plant.ts";

const now = () => new Date("2026-11-21T03:00:00Z");
const items = [folder("/"), file("/a", "a"), file("/b", "b"), file("/c", "c")];

/** An honest backup, and a later one with the same parts as `forge` words them. */
async function both(fixture: Fixture, forge: (first: PartRef, second: PartRef) => readonly PartRef[]) {
  const honest = await fixture.backup(items, { perPart: 2 });
  const [first, second] = honest.manifest.parts;
  if (first === undefined || second === undefined) throw new Error("two parts were expected");
  const forged = await fixture.backup([], {
    start: new Date("2026-11-21T02:30:00Z"),
    forge: (manifest: Manifest) => ({ ...manifest, parts: forge(first, second) }),
  });
  const verdict = await verified({ bucket: fixture.bucket, now });
  return { honest, forged, first, second, verdict };
}

test("a second root with the same parts and the same words is sound", async () => {
  await using fixture = await Fixture.open();
  const { verdict } = await both(fixture, (first, second) => [first, second]);
  expect(verdict.backups.map(({ state }) => state)).toEqual(["restorable", "restorable"]);
  expect(verdict.findings).toEqual([]);
});

test("a root that gives a part another number of entries is damaged, and names the part", async () => {
  await using fixture = await Fixture.open();
  const { honest, forged, first, verdict } = await both(fixture, (one, other) => [{ ...one, entries: 7 }, other]);
  expect(verdict.findings).toMatchObject([
    { key: forged.key, code: "manifest-damaged", why: `what it says of ${JSON.stringify(first.key)} is not so` },
  ]);
  expect(verdict.backups).toMatchObject([
    { manifest: honest.key, state: "restorable", lost: 0 },
    { manifest: forged.key, state: "damaged", lost: 7 },
  ]);
});

test("a root that lets a part begin elsewhere is damaged, and the part's entries are lost", async () => {
  await using fixture = await Fixture.open();
  const { forged, verdict } = await both(fixture, (one, other) => [one, { ...other, first: fromText("/bb") }]);
  expect(verdict.findings).toMatchObject([{ key: forged.key, code: "manifest-damaged" }]);
  expect(verdict.losses.map(({ path }) => path)).toEqual(["/bb"]);
});

test("parts that overlap in one root damage that root alone", async () => {
  await using fixture = await Fixture.open();
  const one = await fixture.backup([folder("/"), file("/c", "c")], { name: "other" });
  const { forged, verdict } = await both(fixture, (_, second) => [...one.manifest.parts, second]);
  expect(verdict.findings).toMatchObject([{ key: forged.key, code: "manifest-damaged", why: 'parts overlap at "/b"' }]);
  expect(verdict.backups.map(({ state }) => state)).toEqual(["restorable", "restorable", "damaged"]);
});

test("a part that is named twice in one root is checked by both", async () => {
  await using fixture = await Fixture.open();
  const { forged, verdict } = await both(fixture, (first, second) => [
    first,
    second,
    { ...second, first: fromText("/d") },
  ]);
  expect(verdict.findings).toMatchObject([{ key: forged.key, code: "manifest-damaged" }]);
  expect(verdict.losses.map(({ path }) => path)).toEqual(["/d"]);
});

test.each(["2026-11-21T01:00:00Z", "2026-11-21T02:30:00Z"])(
  "a root of %s that misstates the parts of another backup damages itself alone",
  async (start) => {
    await using fixture = await Fixture.open();
    const honest = await fixture.backup(items);
    const forge = (manifest: Manifest) => ({
      ...manifest,
      parts: honest.manifest.parts.map((part) => ({ ...part, first: fromText("/0"), entries: 1 })),
    });
    const forged = await fixture.backup([], { start: new Date(start), forge });
    const { backups } = await verified({ bucket: fixture.bucket, now });
    const states = new Map(backups.map(({ manifest, state }) => [manifest, state]));
    expect(states.get(honest.key)).toBe("restorable");
    expect(states.get(forged.key)).toBe("damaged");
  },
);
