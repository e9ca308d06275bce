import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ByteString, fromText } from "../../../core/format/path.ts";
import { attack } from "../../support/attack.ts";
import { Fixture, file, flipped, folder, type Item, link } from "../support.ts";
import { backupOf } from "./bundles.ts";
import { counting, listed, manyFiles, noted } from "./support.ts";

const names = (rows: readonly { readonly path: ByteString }[]) => rows.map(({ path }) => path as string);

describe("the content of a folder", () => {
  test("a listing has what lies in a folder, a folder after its content, with the sum of all below it", async () => {
    await using fixture = await Fixture.open();
    const items = [
      folder("/"),
      folder("/d"),
      file("/d/a", "12"),
      folder("/d/s"),
      file("/d/s-x", "1"),
      file("/d/s/1", "123"),
      folder("/d/s/t"),
      file("/d/s/t/2", "1234"),
      link("/d/z", "a"),
      file("/e", "12345"),
    ];
    const backup = await fixture.backup(items, { perPart: 2 });
    const { rows, found } = await listed(fixture, backup, "/d");
    expect(found).toBe(true);
    expect(rows.map(({ path, below }) => [path as string, below])).toEqual([
      ["/d/a", undefined],
      ["/d/s-x", undefined],
      ["/d/s", { entries: 3, bytes: 7 }],
      ["/d/z", undefined],
    ]);
    const all = await listed(fixture, backup, "/d", true);
    expect(names(all.rows)).toEqual(["/d/a", "/d/s-x", "/d/s/1", "/d/s/t/2", "/d/s/t", "/d/s", "/d/z"]);
    expect(names((await listed(fixture, backup, "/")).rows)).toEqual(["/d", "/e"]);
    expect(names((await listed(fixture, backup, "/e")).rows)).toEqual(["/e"]);
    expect(await listed(fixture, backup, "/nothing")).toEqual({ rows: [], found: false });
  });

  test("folders that have no entry of their own are listed as those that lie above others", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([file("/a/b/c", "123"), file("/a/b/d", "1")]);
    const { rows } = await listed(fixture, backup, "/");
    expect(rows).toEqual([{ path: fromText("/a"), entry: undefined, below: { entries: 2, bytes: 4 } }]);
    expect(names((await listed(fixture, backup, "/", true)).rows)).toEqual(["/a/b/c", "/a/b/d", "/a/b", "/a"]);
  });

  test("parts that lie below one folder are not read: the root says how much they hold", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(manyFiles(["/home/alice", "/home/bob", "/var"], 500), { perPart: 50 });
    const { bucket, counts } = counting(fixture);
    const { rows } = await listed({ bucket }, backup, "/home");
    expect(rows.map(({ path, below }) => [path as string, below])).toEqual([
      ["/home/alice", { entries: 500, bytes: 500 }],
      ["/home/bob", { entries: 500, bytes: 500 }],
    ]);
    // Of some thirty.
    expect(counts.get).toBeLessThanOrEqual(5);
    expect(counts.list).toBe(0);
  });

  const name = fc.constantFrom("a", "a-", "a.b", "a0", "b", "é");
  const paths = fc.array(
    fc.array(name, { minLength: 1, maxLength: 4 }).map((steps) => `/${steps.join("/")}`),
    {
      minLength: 1,
      maxLength: 40,
    },
  );

  test("a listing of any tree, cut into parts anywhere, has the rows and sums that all its paths give", async () => {
    await fc.assert(
      fc.asyncProperty(paths, fc.integer({ min: 1, max: 5 }), fc.boolean(), async (files, perPart, recursive) => {
        await using fixture = await Fixture.open();
        const tree = treeOf(files);
        const backup = await fixture.backup([...tree.values()], { perPart });
        for (const top of ["/", "/a", "/a/b"]) {
          const { rows } = await listed(fixture, backup, top, recursive);
          const shown = rows.map(({ path, below }) => [path, below?.bytes, below?.entries]);
          expect(shown.sort()).toEqual(expected(tree, top, recursive).sort());
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("names alone", () => {
  const name = fc.constantFrom("a", "a-", "b", "c");
  const files = fc.array(
    fc.array(name, { minLength: 1, maxLength: 4 }).map((steps) => `/${steps.join("/")}`),
    { minLength: 1, maxLength: 30 },
  );

  test("a listing of names alone has the paths of a full one, also of folders without entries, and in bundles", async () => {
    const perPart = fc.integer({ min: 1, max: 6 });
    await fc.assert(
      fc.asyncProperty(files, files, fc.boolean(), perPart, async (one, other, withFolders, size) => {
        await using fixture = await Fixture.open();
        const items = (paths: readonly string[]) => {
          const tree = treeOf(paths);
          return [...tree.values()].filter(({ head }) => withFolders || head.type !== "folder");
        };
        const bundles = { "/": items(other) };
        const backup = await backupOf(fixture, { files: items(one), bundles }, new Date(0), size);
        for (const top of ["/", "/a", "/a/b"]) {
          const full = await listed(fixture, backup, top);
          const alone = await listed(fixture, backup, top, false, noted().gaps, true);
          // What is a file here and a folder there has two rows.
          const distinct = (rows: typeof full.rows) => [...new Set(names(rows))].sort();
          expect([distinct(alone.rows), alone.found]).toEqual([distinct(full.rows), full.found]);
        }
      }),
      { numRuns: 80 },
    );
  }, 60_000);

  test("a folder whose own entry is malformed is listed by what lies in it, and a lost part costs no name of another", async () => {
    await using fixture = await Fixture.open();
    const bad: Item = { ...folder("/d/a"), forgeLine: (line) => line.replace('"mode":493', '"mode":99999') };
    const items = [folder("/d"), bad, file("/d/a/1", ""), file("/d/a/2", ""), file("/d/b/1", ""), file("/d/b/2", "")];
    const backup = await fixture.backup(items, { perPart: 5 });
    const whole = await listed(fixture, backup, "/d", false, noted().gaps, true);
    expect(names(whole.rows)).toEqual(["/d/a", "/d/b"]);
    await fixture.damage(backup.manifest.parts[0]?.key ?? "", flipped);
    const { gaps } = noted();
    expect(names((await listed(fixture, backup, "/d", false, gaps, true)).rows)).toEqual(["/d/b"]);
    expect(gaps.exit).toBe(4);
  });
});

describe("what cannot be read", () => {
  test("a damaged part costs its own rows only, and is reported with the exit status of damage", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(manyFiles(["/a", "/b"], 10), { perPart: 5 });
    const [, second] = backup.manifest.parts;
    await fixture.damage(second?.key ?? "", flipped);
    const { gaps, notices } = noted();
    const { rows } = await listed(fixture, backup, "/a", false, gaps);
    expect(rows).toHaveLength(10 - 5);
    expect(gaps.exit).toBe(4);
    expect(notices.map(({ code }) => code)).toEqual(["part-lost"]);
  });

  test("a malformed entry is reported if it would be in the listing, and costs no other", async () => {
    await using fixture = await Fixture.open();
    const bad: Item = { ...file("/a/bad", "x"), forgeLine: (line) => line.replace('"mode":420', '"mode":99999') };
    const backup = await fixture.backup([folder("/"), folder("/a"), bad, file("/a/good", "x"), folder("/b")]);
    const inside = noted((path) => path.startsWith("/a/"));
    expect(names((await listed(fixture, backup, "/a", false, inside.gaps)).rows)).toEqual(["/a/good"]);
    expect([inside.gaps.exit, inside.notices.map(({ code }) => code)]).toEqual([4, ["entry-unreadable"]]);
    const outside = noted((path) => path.startsWith("/b/"));
    await listed(fixture, backup, "/b", false, outside.gaps);
    expect(outside.gaps.exit).toBe(0);
  });

  attack(
    {
      by: "W",
      what: "a manifest with parts whose entries are out of order, or lie about where they are",
      before: "found while these subcommands were built: what is read of a part alone could be anywhere",
      now: "such entries and parts are reported as damaged, and listed by nothing",
    },
    async () => {
      await using fixture = await Fixture.open();
      const swapped: Item = { ...file("/b", "x"), forgeLine: (line) => line.replace('"path":"/b"', '"path":"/zzz"') };
      const overlapping = await fixture.backup([folder("/a"), swapped, file("/c", "x"), file("/d", "x")], {
        perPart: 2,
      });
      const parts = noted();
      expect(names((await listed(fixture, overlapping, "/", true, parts.gaps)).rows)).toEqual(["/c", "/d"]);
      expect([parts.gaps.exit, parts.notices.map(({ code }) => code)]).toEqual([4, ["part-lost"]]);

      const bad: Item = { ...file("/m", "x"), forgeLine: (line) => line.replace('"mode":420', '"mode":99999') };
      const lower: Item = { ...file("/n", "x"), forgeLine: (line) => line.replace('"path":"/n"', '"path":"/a"') };
      const behind = await fixture.backup([file("/b", "x"), file("/c", "x"), bad, lower, file("/o", "x")], {
        perPart: 2,
      });
      const below = noted();
      expect(names((await listed(fixture, behind, "/", true, below.gaps)).rows)).toEqual(["/b", "/c", "/o"]);
      expect([below.gaps.exit, below.notices.map(({ code }) => code)]).toEqual([4, ["part-lost"]]);

      const unordered = await fixture.backup([folder("/a"), swapped, file("/c", "x"), file("/d", "x")]);
      const order = noted();
      const { rows } = await listed(fixture, unordered, "/", true, order.gaps);
      expect(names(rows)).toEqual(["/a", "/zzz"]);
      expect(order.gaps.exit).toBe(4);

      const twice: Item = { ...file("/b", "x"), forgeLine: (line) => line.replace('"path":"/b"', '"path":"/a"') };
      const doubled = await fixture.backup([file("/a", "x"), twice, file("/c", "x")]);
      const double = noted();
      expect(names((await listed(fixture, doubled, "/", true, double.gaps)).rows)).toEqual(["/a", "/c"]);
      expect(double.gaps.exit).toBe(4);
    },
  );

  attack(
    {
      by: "W",
      what: "an entry whose path has a million steps",
      before: "found while `ls` was built: a row for each step, each as long as the path",
      now: "it is reported by name of what is wrong, and not listed",
    },
    async () => {
      await using fixture = await Fixture.open();
      const deep = `/a${"/b".repeat(1_000_000)}`;
      const backup = await fixture.backup([file("/0", "x"), file(deep, "x"), file("/z", "x")]);
      const { gaps, notices } = noted();
      expect(names((await listed(fixture, backup, "/", true, gaps)).rows)).toEqual(["/0", "/z"]);
      expect(gaps.exit).toBe(4);
      expect(notices[0]?.message.length).toBeLessThan(500);
    },
  );
});

/** Files of one byte for each digit of their place, and real folders above. A path that others lie below is a folder. */
function treeOf(files: readonly string[]): Map<string, Item> {
  const above = new Set(files.flatMap((path) => ancestorsOf(path)));
  const tree = new Map<string, Item>();
  for (const path of [...files, ...above]) {
    tree.set(path, above.has(path) ? folder(path) : file(path, "x".repeat(1 + (path.length % 3))));
  }
  return tree;
}

function ancestorsOf(path: string): string[] {
  const steps = path.split("/");
  return steps.slice(1).map((_, n) => steps.slice(0, n + 1).join("/") || "/");
}

type ExpectedRow = (ByteString | number | undefined)[];

function expected(tree: ReadonlyMap<string, Item>, top: string, recursive: boolean): ExpectedRow[] {
  const below = (folder: string, path: string) =>
    path.startsWith(folder === "/" ? "/" : `${folder}/`) && path !== folder;
  const sizeOf = ({ head }: Item) => (head.type === "file" ? head.size : 0);
  const top0 = tree.get(top);
  if (top0?.head.type === "file") return [[fromText(top), undefined, undefined]];
  return [...tree]
    .filter(([path]) => below(top, path) && (recursive || !path.slice(top === "/" ? 1 : top.length + 1).includes("/")))
    .map(([path, item]) => {
      if (item.head.type !== "folder") return [fromText(path), undefined, undefined];
      const inside = [...tree].filter(([one]) => below(path, one));
      return [fromText(path), inside.reduce((sum, [, one]) => sum + sizeOf(one), 0), inside.length];
    });
}
