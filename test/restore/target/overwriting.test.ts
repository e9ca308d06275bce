import { describe, expect, test } from "bun:test";
import { lstat, mkdir, stat, symlink, utimes, writeFile } from "node:fs/promises";
import type { Overwrite } from "../../../restore/target/overwriting.ts";
import { Fixture, file, folder, link } from "../support.ts";

const seconds = 1_700_000_000;
const items = [
  folder("/", { modified: { seconds, nanoseconds: 0 } }),
  folder("/d", { mode: 0o750, modified: { seconds, nanoseconds: 0 } }),
  file("/d/earlier", "from the backup", { modified: { seconds, nanoseconds: 0 } }),
  file("/d/later", "from the backup", { modified: { seconds, nanoseconds: 0 } }),
  file("/d/missing", "from the backup"),
  link("/d/link", "there"),
];

/** A target with a file that is older than in the backup, one that is newer, and a link to another place. */
async function withTarget(): Promise<Fixture> {
  const fixture = await Fixture.open();
  await mkdir(fixture.at("/d"), { recursive: true, mode: 0o755 });
  for (const [name, time] of [
    ["earlier", seconds - 1],
    ["later", seconds + 1],
  ] as const) {
    await writeFile(fixture.at(`/d/${name}`), "mine");
    await utimes(fixture.at(`/d/${name}`), time, time);
  }
  await symlink("elsewhere", fixture.at("/d/link"));
  return fixture;
}

describe("--overwrite", () => {
  test.each<readonly [Overwrite, string, string]>([
    ["never", "mine", "mine"],
    ["if-newer", "from the backup", "mine"],
    ["if-changed", "from the backup", "from the backup"],
    ["always", "from the backup", "from the backup"],
  ])("with %s, an older file becomes that %s, and a newer one that %s", async (overwrite, earlier, later) => {
    await using fixture = await withTarget();
    const figures = await fixture.restore(await fixture.backup(items), { overwrite });
    const mine = (text: string) => (text === "mine" ? "mine" : "from the backup");
    expect(await fixture.read("/d/earlier")).toBe(mine(earlier));
    expect(await fixture.read("/d/later")).toBe(mine(later));
    expect(await fixture.read("/d/missing")).toBe("from the backup");
    expect(fixture.complaints).toEqual([]);
    if (overwrite === "if-changed" || overwrite === "always") expect(figures.kept).toBe(0);
  });

  test("never leaves folders that are there, and links, as they are", async () => {
    await using fixture = await withTarget();
    const { kept } = await fixture.restore(await fixture.backup(items), { overwrite: "never" });
    expect((await stat(fixture.at("/d"))).mode & 0o7777).toBe(0o755);
    expect((await lstat(fixture.at("/d/link"))).isSymbolicLink()).toBe(true);
    expect(await fixture.read("/d/earlier")).toBe("mine");
    expect(kept).toBe(5);
  });

  test("never fills a target that is made, with all metadata", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    const { kept } = await fixture.restore(backup, { overwrite: "never" });
    expect(kept).toBe(0);
    expect((await stat(fixture.at("/d"))).mode & 0o7777).toBe(0o750);
  });

  test("a file in the place of a folder stays with never, and what would lie in it is reported", async () => {
    await using fixture = await Fixture.open();
    await mkdir(fixture.target);
    await writeFile(fixture.at("/d"), "mine");
    await fixture.restore(await fixture.backup(items), { overwrite: "never" });
    expect(await fixture.read("/d")).toBe("mine");
    expect(fixture.complaints).not.toEqual([]);
  });

  test("always writes again what is the same", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    await fixture.restore(backup);
    const before = (await stat(fixture.at("/d/later"))).ino;
    expect((await fixture.restore(backup)).unchanged).toBe(4);
    expect((await stat(fixture.at("/d/later"))).ino).toBe(before);
    await fixture.restore(backup, { overwrite: "always" });
    expect((await stat(fixture.at("/d/later"))).ino).not.toBe(before);
  });
});

describe("--strip-components", () => {
  const nested = [
    folder("/"),
    folder("/a"),
    folder("/a/b", { mode: 0o700 }),
    file("/a/b/x", "x"),
    folder("/a/b/c", { mode: 0o711 }),
    file("/a/b/c/y", "y", { hardLink: "/a/b/c/y" }),
    file("/a/b/c/z", "y", { hardLink: "/a/b/c/y" }),
    file("/a/0first", "twice", { hardLink: "/a/0first" }),
    file("/a/b/second", "twice", { hardLink: "/a/0first" }),
    file("/a/b/third", "twice", { hardLink: "/a/0first" }),
    folder("/e"),
    folder("/e/f"),
    file("/e/f/w", "w"),
  ];

  test("folders are taken off the beginning of paths, as by tar", async () => {
    await using fixture = await Fixture.open();
    await fixture.restore(await fixture.backup(nested, { perPart: 3 }), { strip: 2 });
    expect(await fixture.names()).toEqual(["c", "second", "third", "w", "x"]);
    expect(await fixture.read("/c/y")).toBe("y");
    expect((await stat(fixture.at("/c"))).mode & 0o7777).toBe(0o711);
    expect(fixture.complaints).toEqual([]);
  });

  test("names of one file stay one file, even if the first of them goes", async () => {
    await using fixture = await Fixture.open();
    await fixture.restore(await fixture.backup(nested), { strip: 2 });
    const inode = async (path: string) => (await stat(fixture.at(path))).ino;
    expect(await inode("/c/y")).toBe(await inode("/c/z"));
    expect(await inode("/second")).toBe(await inode("/third"));
  });

  test("a named folder is restored without what leads to it", async () => {
    await using fixture = await Fixture.open();
    await fixture.restore(await fixture.backup(nested), { strip: 1, paths: ["/a/b"] });
    expect(await fixture.names()).toEqual(["b"]);
    expect((await stat(fixture.at("/b"))).mode & 0o7777).toBe(0o700);
  });
});
