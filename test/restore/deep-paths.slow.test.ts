/** Paths of many steps, of which the backup has no folders. */
import { afterEach, describe, expect, test } from "bun:test";
import { exitOf } from "../../restore/restore.ts";
import { attack } from "../support/attack.ts";
import { processorTime } from "../support/processor-time.ts";
import { Fixture, file, folder } from "./support.ts";

const deepPath = (steps: number) => `/d${"/a".repeat(steps)}`;
let fixture: Fixture;

afterEach(async () => {
  // What Node.js removes must have paths that the kernel takes at a time.
  Bun.spawnSync(["rm", "-rf", fixture.target]);
  await fixture[Symbol.asyncDispose]();
});

async function restored(steps: number): Promise<number> {
  fixture = await Fixture.open();
  const items = [folder("/"), folder("/d"), file(deepPath(steps), "deep"), file("/e", "good")];
  const figures = await fixture.restore(await fixture.backup(items));
  expect(await fixture.read("/e")).toBe("good");
  return exitOf(figures);
}

describe("paths of many steps", () => {
  for (const steps of [20_000, 200_000])
    attack(
      {
        by: "W",
        what: "a file whose path has thousands of steps that the backup has no folders for",
        before: "found by review: a call within a call for each step; nothing of the backup was restored",
        now: "all else is restored: folders are opened one after the other, and a path of more than 64 KiB is damage",
      },
      async () => expect(await restored(steps)).toBe(steps > 32_768 ? 4 : 0),
      { variant: `${steps} steps` },
    );

  test("twin: a path as long as any that an archive takes is restored, in less time than each step from the top would take", async () => {
    const before = processorTime();
    expect(await restored(2_000)).toBe(0);
    // Some 150 ms; nine seconds if each step begins at the top.
    expect(processorTime() - before).toBeLessThan(6_000);
    const found = Bun.spawnSync(["find", fixture.target, "-type", "f", "-size", "4c"]).stdout.toString();
    expect(found).toContain(`/d${"/a".repeat(1_000)}`);
  });
});
