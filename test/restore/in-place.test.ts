import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { Fixture, file, folder, isRoot } from "./support.ts";

async function withProc(use: (fixture: Fixture) => Promise<void>): Promise<void> {
  await using fixture = await Fixture.open();
  const mounted = fixture.at("/proc");
  await mkdir(mounted, { recursive: true });
  expect(Bun.spawnSync(["mount", "-t", "proc", "proc", mounted]).exitCode).toBe(0);
  try {
    await use(fixture);
  } finally {
    Bun.spawnSync(["umount", mounted]);
  }
}

describe.skipIf(!isRoot)("a filesystem of the kernel in the target", () => {
  const empty = [folder("/"), folder("/a"), file("/a/x", "x"), folder("/proc", { mode: 0o555 })];

  test("the folder that it is mounted on is left alone, without a word", async () => {
    await withProc(async (fixture) => {
      await fixture.restore(await fixture.backup(empty));
      expect(await fixture.read("/a/x")).toBe("x");
      expect(fixture.complaints).toEqual([]);
    });
  });

  test("what the backup has in it is not written, and counted in one warning", async () => {
    await withProc(async (fixture) => {
      const items = [...empty, folder("/proc/sys"), folder("/proc/sys/vm"), file("/proc/sys/vm/swappiness", "1\n")];
      const before = await fixture.read("/proc/sys/vm/swappiness");
      await fixture.restore(await fixture.backup(items));
      expect(await fixture.read("/proc/sys/vm/swappiness")).toBe(before);
      expect(fixture.complaints).toEqual([
        'did not restore 3 entries in "/proc": a filesystem is mounted there whose files the kernel makes',
      ]);
    });
  });

  test("a path in it that was asked for is refused", async () => {
    await withProc(async (fixture) => {
      const items = [...empty, folder("/proc/sys"), file("/proc/sys/x", "1\n")];
      await fixture.restore(await fixture.backup(items), { paths: ["/proc/sys/x"] });
      expect(fixture.complaints.join()).toContain("whose files the kernel makes");
    });
  });
});
