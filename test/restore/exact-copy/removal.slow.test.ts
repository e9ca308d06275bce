import { describe, expect, test } from "bun:test";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import type { Removal } from "../../../restore/exact-copy/removal.ts";
import { sparedFiles } from "../../../restore/target/spared.ts";
import { attack } from "../../support/attack.ts";
import { Fixture, file, folder, isRoot } from "../support.ts";

const yes: Removal = { spared: [], confirm: async () => "yes" };
const items = [folder("/"), folder("/d"), file("/d/x", "x"), folder("/e"), file("/e/y", "y")];

async function withExtras(): Promise<Fixture> {
  const fixture = await Fixture.open();
  for (const path of ["/d/old/deep", "/e"]) await mkdir(fixture.at(path), { recursive: true });
  for (const path of ["/d/mine", "/d/old/deep/z", "/e/mine"]) await writeFile(fixture.at(path), "mine");
  await symlink("/", fixture.at("/d/old/root"));
  return fixture;
}

async function all(fixture: Fixture): Promise<string[]> {
  const { stdout } = Bun.spawnSync(["find", fixture.target, "-mindepth", "1", "-printf", "%P\\n"]);
  return stdout.toString().split("\n").filter(Boolean).sort();
}

describe("--delete", () => {
  test("the target becomes an exact copy, after a question that names what would go", async () => {
    await using fixture = await withExtras();
    const asked: unknown[] = [];
    const confirm = async (count: number, some: readonly string[]) => {
      asked.push([count, [...some].sort()]);
      return "yes" as const;
    };
    const { removed } = await fixture.restore(await fixture.backup(items), { removal: { spared: [], confirm } });
    expect(await all(fixture)).toEqual(["d", "d/x", "e", "e/y"]);
    expect(removed).toBe(6);
    expect(asked).toEqual([[6, ["/d/mine", "/d/old", "/d/old/deep", "/d/old/deep/z", "/d/old/root", "/e/mine"]]]);
    expect(fixture.complaints).toEqual([]);
  });

  test("without a yes, nothing is removed", async () => {
    await using fixture = await withExtras();
    await fixture.restore(await fixture.backup(items), { removal: { spared: [], confirm: async () => "no" } });
    expect(await all(fixture)).toContain("d/old/deep/z");
    expect(fixture.complaints).toEqual([]);
  });

  test("if nobody can be asked, nothing is removed, and the restore is not complete", async () => {
    await using fixture = await withExtras();
    const unasked: Removal = { spared: [], confirm: async () => "unasked" };
    const { warnings } = await fixture.restore(await fixture.backup(items), { removal: unasked });
    expect(await all(fixture)).toContain("d/old/deep/z");
    expect(warnings).toBe(1);
    expect(fixture.complaints.join()).toContain(
      "what the backup does not have (6) was not removed: nobody can be asked",
    );
  });

  test("nothing is asked if there is nothing to remove", async () => {
    await using fixture = await Fixture.open();
    const confirm = () => Promise.reject(new Error("nothing was to be asked"));
    const { removed } = await fixture.restore(await fixture.backup(items), { removal: { spared: [], confirm } });
    expect(removed).toBe(0);
  });

  test("only what lies in the named paths is removed", async () => {
    await using fixture = await withExtras();
    await fixture.restore(await fixture.backup(items), { removal: yes, paths: ["/d"] });
    expect(await all(fixture)).toEqual(["d", "d/x", "e", "e/mine"]);
  });

  test("a named path that the backup does not have stays, with all that is in it", async () => {
    await using fixture = await withExtras();
    await fixture.restore(await fixture.backup(items), { removal: yes, paths: ["/d/old", "/e"] });
    expect(await all(fixture)).toContain("d/old/deep/z");
  });

  test("what patterns leave out stays, and so do the folders that it lies in", async () => {
    await using fixture = await withExtras();
    const patterns = { include: [], exclude: ["z", "/e"] };
    await fixture.restore(await fixture.backup(items), { removal: yes, patterns });
    expect(await all(fixture)).toEqual(["d", "d/old", "d/old/deep", "d/old/deep/z", "d/x", "e", "e/mine"]);
  });

  test("only extra files that are included are removed", async () => {
    await using fixture = await withExtras();
    const patterns = { include: ["mine", "x"], exclude: [] };
    await fixture.restore(await fixture.backup(items), { removal: yes, patterns });
    expect(await all(fixture)).toEqual(["d", "d/old", "d/old/deep", "d/old/deep/z", "d/old/root", "d/x", "e"]);
  });

  test("the program, its bucket and its state stay, under whatever name", async () => {
    await using fixture = await withExtras();
    const spared = await sparedFiles([fixture.at("/d/old"), fixture.at("/e/mine"), "/missing"]);
    await fixture.restore(await fixture.backup(items), { removal: { ...yes, spared } });
    expect(await all(fixture)).toEqual([
      "d",
      "d/old",
      "d/old/deep",
      "d/old/deep/z",
      "d/old/root",
      "d/x",
      "e",
      "e/mine",
      "e/y",
    ]);
  });

  test("a backup that is incomplete itself removes nothing, as it may lack files that were there", async () => {
    await using fixture = await withExtras();
    const incomplete = await fixture.backup(items, {
      forge: (manifest) => ({ ...manifest, totals: { ...manifest.totals, warnings: 1 } }),
    });
    await fixture.restore(incomplete, { removal: yes });
    expect(await all(fixture)).toContain("d/mine");
    expect(fixture.complaints.join()).toContain("--delete removes nothing: the backup itself is incomplete");
  });

  test("a lost part of the manifest removes nothing, as what it held is not known", async () => {
    await using fixture = await withExtras();
    const backup = await fixture.backup(items, { perPart: 2 });
    await fixture.lose(backup.manifest.parts[1]?.key ?? "");
    await fixture.restore(backup, { removal: yes });
    expect(await all(fixture)).toContain("d/mine");
  });

  test.skipIf(!isRoot)("what another filesystem holds below the target stays", async () => {
    await using fixture = await withExtras();
    const mounted = fixture.at("/d/old/deep");
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", mounted]).exitCode).toBe(0);
    try {
      await writeFile(join(mounted, "precious"), "mine");
      await fixture.restore(await fixture.backup(items), { removal: yes });
      expect(await all(fixture)).toEqual(["d", "d/old", "d/old/deep", "d/old/deep/precious", "d/x", "e", "e/y"]);
      expect(fixture.notices.map(({ code }) => code)).toContain("mount-passed");
    } finally {
      Bun.spawnSync(["umount", mounted]);
    }
  });

  test("after it, the target has the files of the backup and no others, whatever there was", async () => {
    const path = fc
      .array(fc.constantFrom("a", "b", "a-", "b.c"), { minLength: 1, maxLength: 3 })
      .map((steps) => `/${steps.join("/")}`);
    const tree = fc
      .uniqueArray(path, { minLength: 1, maxLength: 8 })
      .map((paths) => paths.filter((one) => !paths.some((other) => other.startsWith(`${one}/`))));
    const foldersOf = (paths: readonly string[]) => [
      ...new Set(
        paths.flatMap((one) =>
          one
            .split("/")
            .slice(1, -1)
            .map((_, at, steps) => `/${steps.slice(0, at + 1).join("/")}`),
        ),
      ),
    ];
    await fc.assert(
      fc.asyncProperty(tree, tree, async (there, backedUp) => {
        await using fixture = await Fixture.open();
        for (const one of there) {
          await mkdir(join(fixture.at(one), ".."), { recursive: true });
          await writeFile(fixture.at(one), "mine");
        }
        const folders = foldersOf(backedUp);
        const wanted = [folder("/"), ...folders.map((one) => folder(one)), ...backedUp.map((one) => file(one, "x"))];
        const { errors } = await fixture.restore(await fixture.backup(wanted, { perPart: 3 }), { removal: yes });
        const expected = [...folders, ...backedUp].map((one) => one.slice(1)).sort();
        // A folder that is not empty stays in the way of a file: then nothing is removed.
        if (errors === 0) expect(await all(fixture)).toEqual(expected);
        else expect((await all(fixture)).length).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});

attack(
  {
    by: "U",
    what: "a folder that `restore --delete` looks into is exchanged for a link to another place before it removes",
    before: "there was no `--delete`",
    now: "nothing is removed through a link",
  },
  async () => {
    await using fixture = await withExtras();
    await mkdir(fixture.outside);
    await writeFile(join(fixture.outside, "z"), "precious");
    const swap = async () => {
      Bun.spawnSync(["mv", fixture.at("/d/old/deep"), join(fixture.scratch.path, "moved")]);
      await symlink(fixture.outside, fixture.at("/d/old/deep"));
      return "yes" as const;
    };
    await fixture.restore(await fixture.backup(items), { removal: { spared: [], confirm: swap } });
    expect(await readdir(fixture.outside)).toEqual(["z"]);
    expect(fixture.complaints.join()).toContain('cannot remove "/d/old/deep"');
  },
);
