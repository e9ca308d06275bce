import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromText } from "../../../core/format/path.ts";
import { type BackupDifference, diffBackups } from "../../../restore/browse/diff.ts";
import { type Backup, device, Fixture, fifo, file, flipped, folder, type Item, link, noise } from "../support.ts";
import { counting, listed, manyFiles, noted, signal } from "./support.ts";

async function differences(
  { bucket }: Pick<Fixture, "bucket">,
  before: Backup,
  after: Backup,
  gaps = noted().gaps,
): Promise<BackupDifference[]> {
  return Array.fromAsync(diffBackups({ bucket, before: before.manifest, after: after.manifest, gaps, signal }));
}

const marks = { added: "+", removed: "-", changed: "~" } as const;

async function shown(...args: Parameters<typeof differences>): Promise<string[]> {
  return (await differences(...args)).map((one) => {
    const what = one.change === "changed" ? ` ${one.what.join(" ")}` : "";
    return `${marks[one.change]} ${one.path}${what}`;
  });
}

const day = (n: number) => new Date(`2026-11-${String(n).padStart(2, "0")}T02:00:00Z`);

describe("what differs", () => {
  test("added, removed and changed paths are found, with the names of what differs", async () => {
    await using fixture = await Fixture.open();
    const times = (seconds: number) => ({ modified: { seconds, nanoseconds: 0 } });
    const before = await fixture.backup([
      folder("/", times(1)),
      file("/content", "123"),
      file("/gone", "x"),
      link("/link", "a"),
      file("/meta", "x", { ...times(1), mode: 0o600 }),
      file("/same", "x"),
      file("/size", "x"),
      file("/type", "x"),
      device("/device"),
    ]);
    const owner = { user: "alice", group: undefined, uid: 1000, gid: 0 };
    const after = await fixture.backup(
      [
        folder("/", times(2)),
        file("/content", "321"),
        link("/link", "b"),
        file("/meta", "x", {
          ...times(2),
          mode: 0o4755,
          owner,
          xattrs: new Map([[fromText("user.a"), Buffer.from("1")]]),
        }),
        file("/new", "x"),
        file("/same", "x"),
        file("/size", "xx"),
        fifo("/type"),
        device("/device"),
      ],
      { start: day(22) },
    );
    expect(await shown(fixture, before, after)).toEqual([
      "~ /content content",
      "- /gone",
      "~ /link target",
      "~ /meta time mode owner attributes",
      "+ /new",
      "~ /size size",
      "~ /type type",
    ]);
    expect(await shown(fixture, before, before)).toEqual([]);
  });

  test("parts that both have are not read", async () => {
    await using fixture = await Fixture.open();
    const items = manyFiles(["/a", "/b"], 500, "");
    const before = await fixture.backup(items, { perPart: 50 });
    const changed = items.map((item) => (item.head.path === "/a/f0123" ? file("/a/f0123", "", { mode: 0o600 }) : item));
    const after = await fixture.backup(changed, { perPart: 50, start: day(22) });
    const { bucket, counts } = counting(fixture);
    expect(await shown({ bucket }, before, after)).toEqual(["~ /a/f0123 mode"]);
    expect(counts.get).toBe(2);
  });

  const path = fc
    .array(fc.constantFrom("a", "a-", "b", "c0"), { minLength: 1, maxLength: 3 })
    .map((steps) => `/${steps.join("/")}`);
  const item = fc.oneof(
    fc.record({
      kind: fc.constant("file"),
      what: fc.constantFrom("", "1", "2", "33"),
      mode: fc.constantFrom(0o600, 0o644),
    }),
    fc.record({ kind: fc.constant("link"), what: fc.constantFrom("x", "y"), mode: fc.constant(0o777) }),
    fc.record({ kind: fc.constant("folder"), what: fc.constant(""), mode: fc.constantFrom(0o700, 0o755) }),
  );
  const tree = fc.dictionary(path, item, { maxKeys: 25, noNullPrototype: true });

  test("the difference of any two backups, applied to the listing of one, gives the listing of the other", async () => {
    const sizes = fc.integer({ min: 1, max: 6 });
    await fc.assert(
      fc.asyncProperty(tree, tree, fc.boolean(), sizes, sizes, async (one, other, alike, perPart, perOther) => {
        await using fixture = await Fixture.open();
        const before = await fixture.backup(itemsOf(one), { perPart });
        const after = await fixture.backup(itemsOf(alike ? { ...one, ...other } : other), {
          perPart: perOther,
          start: day(22),
        });
        const listing = await listingOf(fixture, before);
        let previous = "";
        for (const difference of await differences(fixture, before, after)) {
          expect(difference.path > previous).toBe(true);
          previous = difference.path;
          if (difference.change === "removed") expect(listing.delete(difference.path)).toBe(true);
          else {
            expect(listing.has(difference.path)).toBe(difference.change === "changed");
            listing.set(difference.path, contentOnly(difference.after));
          }
        }
        expect(listing).toEqual(await listingOf(fixture, after));
      }),
      { numRuns: 150 },
    );
  });
});

describe("what cannot be compared", () => {
  test("paths in a lost part of one backup are neither new nor gone, and the status says damage", async () => {
    await using fixture = await Fixture.open();
    const items = manyFiles(["/a", "/b"], 20);
    const before = await fixture.backup(items, { perPart: 10 });
    const after = await fixture.backup([...items, file("/a/f0015-new", "x"), file("/b/new", "x")], {
      perPart: 7,
      start: day(22),
    });
    const lost = before.manifest.parts.find(({ first }) => first.startsWith("/a/f"));
    await fixture.lose(lost?.key ?? "");
    const { gaps, notices } = noted();
    expect(await shown(fixture, before, after, gaps)).toEqual(["+ /b/new"]);
    expect([gaps.exit, notices.map(({ code }) => code)]).toEqual([4, ["part-lost"]]);
    // The other way, too.
    const back = noted();
    expect(await shown(fixture, after, before, back.gaps)).toEqual(["- /b/new"]);
    expect(back.gaps.exit).toBe(4);
  });

  test("an entry that cannot be read in one backup is neither new nor gone", async () => {
    await using fixture = await Fixture.open();
    const bad = (path: string): Item => ({
      ...file(path, "x"),
      forgeLine: (line) => line.replace('"mode":420', '"mode":9999'),
    });
    const before = await fixture.backup([file("/a", "x"), file("/b", "x"), file("/c", "x"), file("/d", "x")], {
      perPart: 2,
    });
    const after = await fixture.backup([bad("/a"), file("/b", "xx"), bad("/c"), file("/e", "x")], {
      perPart: 2,
      start: day(22),
    });
    const { gaps } = noted();
    expect(await shown(fixture, before, after, gaps)).toEqual(["~ /b size", "- /d", "+ /e"]);
    expect(gaps.exit).toBe(4);
    const whole = await fixture.backup([bad("/a"), bad("/b")], { start: day(23) });
    expect(await shown(fixture, whole, before, noted().gaps)).toEqual(["+ /c", "+ /d"]);
  });

  test("a part of all the rest that is lost ends the comparison there", async () => {
    await using fixture = await Fixture.open();
    const before = await fixture.backup(manyFiles(["/a"], 9), { perPart: 5 });
    const after = await fixture.backup([...manyFiles(["/a"], 9), file("/z", "x")], { perPart: 100, start: day(22) });
    const last = before.manifest.parts.at(-1);
    await fixture.damage(last?.key ?? "", flipped);
    const { gaps } = noted();
    expect(await shown(fixture, before, after, gaps)).toEqual([]);
    expect(gaps.exit).toBe(4);
  });

  test("the content of a file that was cut in other places counts as changed only if it may have changed", async () => {
    await using fixture = await Fixture.open();
    const [one, two] = [noise(10), noise(10)];
    const before = await fixture.backup([file("/x", [one, two])]);
    const same = await fixture.backup([file("/x", [one, two])], { start: day(22), perFrame: 1 });
    const cut = await fixture.backup([file("/x", [Buffer.concat([one, two])])], { start: day(23) });
    expect(await shown(fixture, before, same)).toEqual([]);
    expect(await shown(fixture, before, cut)).toEqual(["~ /x content"]);
  });
});

type Things = Readonly<Record<string, { readonly kind: string; readonly what: string; readonly mode: number }>>;

function itemsOf(tree: Things): Item[] {
  const items = Object.entries(tree).map(([path, { kind, what, mode }]) => {
    if (kind === "file") return file(path, what, { mode });
    return kind === "link" ? link(path, what) : folder(path, { mode });
  });
  return [folder("/"), ...items];
}

async function listingOf(fixture: Fixture, backup: Backup): Promise<Map<string, unknown>> {
  const { rows } = await listed(fixture, backup, "/", true);
  return new Map(
    rows.flatMap(({ path, entry }) => (entry === undefined ? [] : [[path as string, contentOnly(entry)]])),
  );
}

/** Without the place of the content in the bucket. */
function contentOnly(entry: object): unknown {
  const { extents = [], ...rest } = entry as { readonly extents?: readonly { readonly sha256: string }[] };
  return { ...rest, content: extents.map(({ sha256 }) => sha256) };
}
