/** Threads make files under their own names in folders that are new. What a killed restore leaves of such a file is no file that was there. */
import { describe, expect, test } from "bun:test";
import { lstat, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Overwrite } from "../../restore/target/overwriting.ts";
import { type Backup, Fixture, file, folder, noise } from "./support.ts";

const size = 2_000;
const contents = Array.from({ length: 10 }, () => noise(size));
const modified = { seconds: 1_600_000_000, nanoseconds: 7 };
const items = [
  folder("/"),
  folder("/d"),
  ...contents.map((content, number) => file(`/d/f${number}`, content, { mode: 0o640, modified })),
];

function kill(fixture: Fixture, { key }: Backup): void {
  const options = JSON.stringify({ killedBy: "test/restore/killing-writer.ts" });
  const words = [fixture.bucketPath, key, fixture.target, "-1", options];
  const { signalCode } = Bun.spawnSync([process.execPath, join(import.meta.dir, "killed.ts"), ...words]);
  expect(signalCode).toBe("SIGKILL");
}

async function unfinished(fixture: Fixture): Promise<string[]> {
  const found: string[] = [];
  for (const name of await fixture.names("/d")) {
    const { mode, size: length } = await lstat(fixture.at(`/d/${name}`));
    if (length === size / 2 && (mode & 0o7777) === 0o200) found.push(name);
  }
  return found;
}

describe("a file that a thread was writing when the restore was killed", () => {
  test.each<Overwrite>(["never", "if-newer", "if-changed", "always"])(
    "a file that was not written to its end is written by the next restore with --overwrite %s",
    async (overwrite) => {
      await using fixture = await Fixture.open();
      const backup = await fixture.backup(items, { perFrame: 2 });
      kill(fixture, backup);
      const [name = ""] = await unfinished(fixture);
      expect(name).toMatch(/^f\d$/);
      expect((await lstat(fixture.at("/d"))).mode & 0o7777).toBe(0o1700);

      await fixture.restore(backup, { overwrite });
      expect(fixture.complaints).toEqual([]);
      expect(await fixture.names("/d")).toEqual(contents.map((_, number) => `f${number}`));
      for (const [number, content] of contents.entries()) {
        const { mode, mtimeMs } = await lstat(fixture.at(`/d/f${number}`));
        expect({ mode: mode & 0o7777, seconds: Math.floor(mtimeMs / 1000) }).toEqual({ mode: 0o640, seconds: 1.6e9 });
        expect(await fixture.read(`/d/f${number}`)).toBe(content.toString());
      }
    },
    60_000,
  );

  test("in a folder that was there before, a file that is not whole has another name", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items, { perFrame: 2 });
    await mkdir(fixture.at("/d"), { recursive: true });
    kill(fixture, backup);
    expect(await unfinished(fixture)).toEqual([]);
    for (const name of await fixture.names("/d")) expect((await lstat(fixture.at(`/d/${name}`))).size).toBe(size);
  }, 60_000);
});
