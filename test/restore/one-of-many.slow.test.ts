/** Restores of little of a large backup: only the parts of the manifest that can hold it are read. */
import { expect, test } from "bun:test";
import { counting, manyFiles } from "./browse/support.ts";
import { Fixture, file } from "./support.ts";

/** 140 parts, as a backup of a million files has. */
const homes = Array.from({ length: 140 }, (_, number) => `/home/u${String(number).padStart(3, "0")}`);
const wanted = file("/home/u070/plan.odt", "plan");

test.each([
  ["a path", { paths: ["/home/u070/plan.odt"] }],
  ["an --include of that path", { patterns: { include: ["/home/u070/plan.odt"], exclude: [] } }],
  ["an --include of names in one folder", { patterns: { include: ["/home/u070/*.odt"], exclude: [] } }],
  ["an --include of a folder, less an --exclude", { patterns: { include: ["/home/u070/"], exclude: ["f*"] } }],
  [
    "a path with an --include below it",
    { paths: ["/home"], patterns: { include: ["/home/u070/plan.odt"], exclude: [] } },
  ],
] as const)("one file of many, by %s, takes few requests", async (_, wishes) => {
  await using fixture = await Fixture.open();
  const items = [...manyFiles(homes, 50, ""), wanted];
  const backup = await fixture.backup(items, { perPart: 51 });
  expect(backup.manifest.parts.length).toBeGreaterThan(139);
  const { bucket, counts } = counting(fixture);
  await fixture.restore(backup, { ...wishes, bucket });
  expect(await fixture.names("/home")).toEqual(["u070"]);
  expect(await fixture.names("/home/u070")).toEqual(["plan.odt"]);
  expect(fixture.complaints).toEqual([]);
  // With the listing of backups and the root, which are read before: two more.
  expect(counts.get).toBeLessThanOrEqual(6);
});
