import { describe, expect, test } from "bun:test";
import { unlink } from "node:fs/promises";
import { noise } from "../noise.ts";
import { day, Rig, type RigRun } from "../rig.ts";

const megabyte = 1024 ** 2;
/** Two large files, so that each has chunks of its own, in one pack of 4 MiB or more. */
const content = { packSize: 16 * megabyte } as const;

/** Fills one pack with two files, in which `keep` has the given share. */
async function rigWith(keep: number): Promise<Rig> {
  const rig = await Rig.make();
  await rig.write("keep", noise(Math.round(keep * 10 * megabyte)));
  await rig.write("drop", noise(Math.round((1 - keep) * 10 * megabyte), 1));
  await rig.run({ content });
  await unlink(rig.file("drop"));
  return rig;
}

describe("a pack whose lock must be extended", () => {
  test("a pack whose lock must be extended is left to expire, and its live content stored again, if too little of it is in use", async () => {
    await using rig = await rigWith(0.3);
    const [old] = await rig.keys("packs/");
    rig.ahead += 10 * day;
    const run = await rig.run({ content });
    expect(run.heard.join("\n")).toContain("info repacked: 1 packs");
    const packs = await rig.keys("packs/");
    expect(packs).toHaveLength(2);
    const file = run.backup.file(rig.file("keep"));
    const used = new Set(file.extents.map(({ object }) => run.backup.objectsOf(rig.file("keep"))[object]?.key));
    expect(used).toEqual(new Set(packs.filter((key) => key !== old)));
    expect((await run.backup.read(rig.file("keep"))).length).toBe(3 * megabyte);
    expect((await run.backup.lockedUntil()) >= new Date(run.backup.manifest.header.retain_until)).toBe(true);
  });

  test("a pack whose lock must be extended is extended if enough of it is in use", async () => {
    await using rig = await rigWith(0.6);
    rig.ahead += 10 * day;
    const run = await rig.run({ content });
    expect(run.heard.join("\n")).not.toContain("repacked");
    expect(await rig.keys("packs/")).toHaveLength(1);
    expect(run.summary.bytesStored).toBe(0);
  });

  test("a pack whose lock must be extended is extended whatever is in use if repack_below is 0", async () => {
    await using rig = await rigWith(0.1);
    rig.ahead += 10 * day;
    const run = await rig.run({ content: { ...content, repackBelow: 0 } });
    expect(run.heard.join("\n")).not.toContain("repacked");
    expect(await rig.keys("packs/")).toHaveLength(1);
  });

  test("a pack whose lock must be extended is not looked at in a run that extends nothing", async () => {
    await using rig = await rigWith(0.1);
    rig.ahead += day;
    const run = await rig.run({ content });
    expect(run.heard.join("\n")).not.toContain("repacked");
    expect(await rig.keys("packs/")).toHaveLength(1);
  });
});

test("small packs of several runs become one", async () => {
  await using rig = await Rig.make();
  for (let today = 0; today < 6; today += 1) {
    await rig.write(`day ${today}`, noise(200_000 + today));
    await rig.run({ content });
    rig.ahead += day;
  }
  expect(await rig.keys("packs/")).toHaveLength(6);
  rig.ahead += 10 * day;
  const run = await rig.run({ content });
  expect(run.heard.join("\n")).toContain("info repacked: 6 packs");
  expect(await rig.keys("packs/")).toHaveLength(7);
  const used = new Set([0, 1, 2, 3, 4, 5].flatMap((today) => packsOfDay(run, rig, today)));
  expect(used.size).toBe(1);
});

function packsOfDay({ backup }: RigRun, rig: Rig, today: number): (string | undefined)[] {
  const path = rig.file(`day ${today}`);
  return backup.file(path).extents.map(({ object }) => backup.objectsOf(path)[object]?.key);
}
