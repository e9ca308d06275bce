/** Differences of backups with bundles: a path may lie in the files of one backup and in a bundle of the other, or in both. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Entry } from "../../../core/format/entries/entry.ts";
import type { Manifest } from "../../../core/format/manifest/manifest.ts";
import { diffBackups } from "../../../restore/browse/diff.ts";
import { differencesOf } from "../../../restore/browse/differences.ts";
import { type Backup, Fixture, file, folder, type Item } from "../support.ts";
import { backupOf, type Tree } from "./bundles.ts";
import { counting, listed, manyFiles, noted, signal } from "./support.ts";

const day = (n: number) => new Date(`2026-11-${String(n).padStart(2, "0")}T02:00:00Z`);

type ManifestOf = { readonly manifest: Manifest };

async function differences(bucket: Fixture["bucket"], before: ManifestOf, after: ManifestOf, gaps = noted().gaps) {
  const marks = { added: "+", removed: "-", changed: "~" } as const;
  const found = diffBackups({ bucket, before: before.manifest, after: after.manifest, gaps, signal });
  return Array.fromAsync(found, ({ change, path }) => `${marks[change]} ${path}`);
}

describe("equal parts", () => {
  const files = [folder("/"), folder("/b"), file("/b/x", "1"), file("/b/y", "1"), file("/z", "1")];
  const inBundle = (...items: Item[]) => ({ files, bundles: { "/b": items } });
  const plain = { files, bundles: {} };

  test.each<[name: string, before: Tree, after: Tree, expected: string[]]>([
    ["a bundle of the first has a path of them in another state", inBundle(file("/b/x", "2")), plain, ["~ /b/x"]],
    ["a bundle of the second has a path of them in another state", plain, inBundle(file("/b/x", "2")), ["~ /b/x"]],
    ["a bundle of one has a path of them in the same state", inBundle(file("/b/x", "1")), plain, []],
    ["a bundle of one has a path that they do not have", inBundle(file("/b/n", "1")), plain, ["- /b/n"]],
    [
      "bundles of both have it in states that differ",
      inBundle(file("/b/x", "2"), file("/b/y", "2")),
      inBundle(file("/b/x", "3"), file("/b/y", "2")),
      ["~ /b/x"],
    ],
  ])("parts of files that both backups have are read if %s", async (_, before, after, expected) => {
    await using fixture = await Fixture.open();
    const one = await backupOf(fixture, before, day(21));
    const other = await backupOf(fixture, after, day(22));
    expect(await differences(fixture.bucket, one, other)).toEqual(expected);
  });

  test("a file that differs beside one that a bundle of one side has, too, does not make that look removed", async () => {
    await using fixture = await Fixture.open();
    // Their lines are the same in both, as they have no content in packs.
    const empty = [folder("/"), folder("/b"), file("/b/x", ""), file("/z", "")];
    const bundles = { "/b": [file("/b/x", "", { mode: 0o600 })] };
    const one = await backupOf(fixture, { files: empty, bundles }, day(21));
    const changed = empty.map((item) => (item.head.path === "/z" ? file("/z", "", { mode: 0o600 }) : item));
    const other = await backupOf(fixture, { files: changed, bundles: {} }, day(22));
    expect(await differences(fixture.bucket, one, other)).toEqual(["~ /b/x", "~ /z"]);
    expect(await differences(fixture.bucket, other, one)).toEqual(["~ /b/x", "~ /z"]);
  });

  test("parts that both have are not read if both have the same bundles among them, nor bundles beside a change", async () => {
    await using fixture = await Fixture.open();
    const folders = ["/a", "/c", "/e"];
    const below = (path: string) => manyFiles([path], 200, "").filter(({ head }) => head.path !== "/");
    const bundles = { "/b": below("/b"), "/d": below("/d") };
    const many = manyFiles(folders, 200, "");
    const one = await backupOf(fixture, { files: many, bundles }, day(21), 50);
    const same = await backupOf(fixture, { files: many, bundles }, day(22), 50);
    const { bucket, counts } = counting(fixture);
    expect(await differences(bucket, one, same)).toEqual([]);
    expect(counts.get).toBe(0);
    // The last of its part, in which the bundle begins.
    const last = many.findLast(({ head }) => head.path.startsWith("/a/"))?.head.path;
    const changed = many.map((item) => (item.head.path === last ? file(last ?? "", "", { mode: 0o600 }) : item));
    const other = await backupOf(fixture, { files: changed, bundles }, day(23), 50);
    expect(await differences(bucket, one, other)).toEqual([`~ ${last}`]);
    expect(counts.get).toBe(2);
  });
});

describe("a bundle that nobody can open here", () => {
  const items = (content: string) => [folder("/b"), file("/b/x", content)];
  const sealed = ({ manifest }: Backup): ManifestOf => ({
    manifest: { ...manifest, bundles: manifest.bundles.map((one) => ({ ...one, encoding: "zstd+age" as const })) },
  });

  test("what may be in it is neither new nor gone, and the status says that something was not read", async () => {
    await using fixture = await Fixture.open();
    const one = await backupOf(fixture, { files: [file("/a", "1")], bundles: { "/b": items("1") } }, day(21));
    const other = await backupOf(fixture, { files: [...items("2"), file("/c", "1")], bundles: {} }, day(22));
    const { gaps } = noted();
    expect(await differences(fixture.bucket, sealed(one), other, gaps)).toEqual(["- /a", "+ /c"]);
    expect(gaps.exit).toBe(3);
    expect(await differences(fixture.bucket, other, sealed(one))).toEqual(["+ /a", "- /c"]);
  });

  test("if both backups have the same, nothing of it differs, and nothing is missing in the answer", async () => {
    await using fixture = await Fixture.open();
    const one = await backupOf(fixture, { files: [file("/a", "1")], bundles: { "/b": items("1") } }, day(21));
    const { gaps } = noted();
    const bundles = sealed(one).manifest.bundles;
    const other = await backupOf(fixture, { files: [file("/a", "2")], bundles: {} }, day(22));
    const after = { manifest: { ...other.manifest, bundles } };
    expect(await differences(fixture.bucket, sealed(one), after, gaps)).toEqual(["~ /a"]);
    expect(gaps.exit).toBe(0);
  });
});

describe("any backups", () => {
  const steps = fc.array(fc.constantFrom("a", "a-", "b", "c"), { minLength: 1, maxLength: 3 });
  const content = fc.constantFrom("", "1", "2");
  const files = fc.dictionary(
    steps.map((each) => `/${each.join("/")}`),
    content,
    { maxKeys: 12, noNullPrototype: true },
  );
  const folders = fc.uniqueArray(fc.constantFrom("/a", "/a-", "/a/b", "/b", "/"), { maxLength: 3 });
  const tree = fc.record({ files, bundles: fc.tuple(folders, fc.array(files, { minLength: 3, maxLength: 3 })) });
  type Drawn = {
    files: Record<string, string>;
    bundles: readonly [readonly string[], readonly Record<string, string>[]];
  };

  const itemsOf = (drawn: Readonly<Record<string, string>>, top = "") =>
    Object.entries(drawn).map(([path, text]) => file(`${top}${path}`, text));
  const treeOf = ({ files, bundles: [paths, contents] }: Drawn): Tree => ({
    files: [folder("/"), ...itemsOf(files)],
    bundles: Object.fromEntries(
      paths.map((path, at) => [path, [folder(path), ...itemsOf(contents[at] ?? {}, path === "/" ? "" : path)]]),
    ),
  });

  async function entriesOf(fixture: Fixture, backup: Backup): Promise<Map<string, Entry>> {
    const { rows } = await listed(fixture, backup, "/", true);
    return new Map(rows.flatMap(({ path, entry }) => (entry === undefined ? [] : [[path as string, entry]])));
  }

  /** Compares every path of both listings. */
  function naive(before: ReadonlyMap<string, Entry>, after: ReadonlyMap<string, Entry>): string[] {
    return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((path) => {
      const [one, other] = [before.get(path), after.get(path)];
      if (one === undefined) return [`+ ${path}`];
      if (other === undefined) return [`- ${path}`];
      return differencesOf(one, other).length > 0 ? [`~ ${path}`] : [];
    });
  }

  test("the difference of two backups with bundles and several parts is that of their listings", async () => {
    const sizes = fc.constantFrom(1, 2, 3, 5, 1000);
    await fc.assert(
      fc.asyncProperty(tree, tree, fc.constantFrom("files", "bundles", "neither"), sizes, sizes, async (...drawn) => {
        const [one, other, alike, perPart, perOther] = drawn;
        await using fixture = await Fixture.open();
        const before = await backupOf(fixture, treeOf(one), day(21), perPart);
        const changed = alike === "neither" ? other : { ...other, [alike]: one[alike] };
        const after = await backupOf(fixture, treeOf(changed), day(22), alike === "neither" ? perOther : perPart);
        const [there, then] = [await entriesOf(fixture, before), await entriesOf(fixture, after)];
        // The listing leaves out the folder itself.
        const found = (await differences(fixture.bucket, before, after)).filter((line) => line.slice(2) !== "/");
        expect(found).toEqual(naive(there, then));
      }),
      { numRuns: 100 },
    );
  }, 120_000);
});
