/** A restore with any of its options that is killed anywhere is completed by running it again. */
import { describe, expect, test } from "bun:test";
import { cp, mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compareTrees, type Difference } from "../support/tree/compare.ts";
import { describeTree } from "../support/tree/describe.ts";
import type { KilledOptions } from "./killed-options.ts";
import { type Backup, Fixture, file, folder, link, noise, type RestoreWishes } from "./support.ts";

const MiB = 1024 * 1024;
const large = Array.from({ length: 20 }, () => noise(MiB));
const items = [
  folder("/"),
  folder("/d", { mode: 0o750 }),
  ...Array.from({ length: 30 }, (_, number) => file(`/d/f${number}`, noise(2000))),
  file("/d/first", "twice", { hardLink: "/d/first" }),
  file("/d/large", large),
  link("/d/link", "there"),
  file("/d/second", "twice", { hardLink: "/d/first" }),
  folder("/e"),
  file("/e/x", "x"),
];

function kill(fixture: Fixture, { key }: Backup, target: string, reports: number, options: KilledOptions): void {
  const program = join(import.meta.dir, "killed.ts");
  const words = [fixture.bucketPath, key, target, String(reports), JSON.stringify(options)];
  const { signalCode } = Bun.spawnSync([process.execPath, program, ...words]);
  expect(signalCode).toBe("SIGKILL");
}

/** Compares a killed and completed restore with one that was not killed, in targets that were the same before. */
async function completes(fixture: Fixture, backup: Backup, reports: number, options: KilledOptions): Promise<void> {
  const whole = join(fixture.scratch.path, "whole");
  for (const target of [whole, fixture.target]) {
    await rm(target, { recursive: true, force: true });
    await mkdir(join(target, "d"), { recursive: true });
    for (const name of ["f7", "extra"]) {
      await writeFile(join(target, "d", name), "mine");
      await utimes(join(target, "d", name), 1_600_000_000, 1_600_000_000);
    }
  }
  const { removes, ...rest } = options;
  const wishes: RestoreWishes = {
    ...rest,
    ...(removes && { removal: { spared: [], confirm: async () => "yes" } }),
  };
  await fixture.restore(backup, { ...wishes, target: whole });
  kill(fixture, backup, fixture.target, reports, options);
  await fixture.restore(backup, wishes);
  const trees = [whole, fixture.target].map((under) => describeTree("/", { under }));
  const [expected, found] = await Promise.all(trees);
  if (expected === undefined || found === undefined) throw new Error("trees are not described");
  expect(compareTrees(expected, found).filter((difference) => !isTimeOfToday(difference))).toEqual([]);
}

/** Folders that are left as they were have the time at which something was put into them. */
function isTimeOfToday({ attribute, expected, found }: Difference): boolean {
  const isLate = (time: string | undefined) => Number(time) > 1.75e18;
  return attribute === "modified" && isLate(expected) && isLate(found);
}

const kinds: readonly (readonly [string, KilledOptions])[] = [
  ["into folders that are there", {}],
  ["with --overwrite never", { overwrite: "never" }],
  ["with --overwrite if-newer", { overwrite: "if-newer" }],
  ["with --overwrite always", { overwrite: "always" }],
  ["with --strip-components", { strip: 1 }],
  ["with --include", { patterns: { include: ["f*", "large"], exclude: ["*2*"] } }],
];

describe("a restore that was killed", () => {
  test.each(kinds)(
    "a restore %s that was killed is completed by the next one",
    async (_, options) => {
      await using fixture = await Fixture.open();
      const backup = await fixture.backup(items, { perPart: 12, perFrame: 2 });
      for (const reports of [1, 3, 8]) await completes(fixture, backup, reports, options);
    },
    120_000,
  );

  test("a restore with --from-local that was killed is completed by the next one", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items, { perPart: 12, perFrame: 2 });
    const local = join(fixture.scratch.path, "local");
    await fixture.restore(backup, { target: local });
    await rm(join(local, "d/large"));
    await cp(join(local, "d/f1"), join(local, "d/f2"));
    await writeFile(join(local, "d/large"), Buffer.concat([...large.slice(0, 9), noise(MiB), ...large.slice(10)]));
    for (const reports of [1, 2]) await completes(fixture, backup, reports, { fromLocal: local });
  }, 120_000);

  test("a restore with --delete that was killed before it removes is completed by the next one", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items, { perPart: 12, perFrame: 2 });
    await completes(fixture, backup, 0, { removes: true });
    expect(await fixture.names("/d")).not.toContain("extra");
  }, 120_000);
});
