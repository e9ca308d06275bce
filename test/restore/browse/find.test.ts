import { describe, expect, test } from "bun:test";
import { type ByteString, fromBytes, fromText } from "../../../core/format/path.ts";
import { eachBackup, rootsByAge } from "../../../restore/browse/backups.ts";
import { Search } from "../../../restore/browse/find.ts";
import { parsePattern } from "../../../restore/browse/pattern.ts";
import { attack } from "../../support/attack.ts";
import { Fixture, file, flipped, folder } from "../support.ts";
import { counting, manyFiles, noted, signal } from "./support.ts";

async function found(
  { bucket }: Pick<Fixture, "bucket">,
  word: string,
  {
    each = "versions",
    gaps = noted().gaps,
  }: { each?: "versions" | "paths"; gaps?: ReturnType<typeof noted>["gaps"] } = {},
): Promise<string[]> {
  const roots = (await rootsByAge(bucket, "test")).toReversed();
  using search = new Search({ bucket, pattern: parsePattern(word), each, gaps, signal });
  const lines: string[] = [];
  const backups = eachBackup({ bucket, roots, gaps, atOnce: 2 }, (manifest, root) => ({ manifest, root }));
  for await (const backup of backups) {
    if (backup === undefined) continue;
    for await (const { path } of search.in(backup.manifest)) lines.push(`${backup.root.stamp.slice(6, 8)} ${path}`);
  }
  return lines;
}

const day = (n: number) => ({ start: new Date(`2026-10-${String(n).padStart(2, "0")}T00:00:00Z`) });

describe("paths in all backups", () => {
  test("each version of a path is found once, in the newest backup that has it", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([folder("/"), file("/a.txt", "1"), file("/gone.txt", "1"), file("/b", "1")], day(1));
    await fixture.backup([folder("/"), file("/a.txt", "1")], day(2));
    await fixture.backup([folder("/"), file("/a.txt", "22"), file("/new.txt", "1")], day(3));
    expect(await found(fixture, "*.txt")).toEqual(["03 /a.txt", "03 /new.txt", "02 /a.txt", "01 /gone.txt"]);
    expect(await found(fixture, "*.txt", { each: "paths" })).toEqual(["03 /a.txt", "03 /new.txt", "01 /gone.txt"]);
  });

  test("a part that several backups have is read once, and only parts that may hold the pattern", async () => {
    await using fixture = await Fixture.open();
    const items = manyFiles(["/a", "/b"], 200, "");
    for (let n = 1; n <= 30; n += 1) {
      const changed = items.map((item) => (item.head.path === "/b/f0150" ? file("/b/f0150", "", { mode: n }) : item));
      await fixture.backup(changed, { ...day(n), perPart: 40 });
    }
    const parts = Math.ceil(items.length / 40);
    const all = counting(fixture);
    expect(await found(all, "f0150")).toHaveLength(31);
    expect(all.counts).toMatchObject({ list: 2, get: 30 + parts + 29 });
    const below = counting(fixture);
    expect(await found(below, "/a/f015*")).toHaveLength(10);
    expect(below.counts.get).toBeLessThanOrEqual(30 + 6);
  });

  test("a damaged part is reported once, and costs no other", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([file("/x", "1")], day(1));
    const { manifest } = await fixture.backup([file("/x", "1"), file("/y", "1")], { ...day(2), perPart: 1 });
    await fixture.backup([file("/z", "1")], { ...day(3), forge: (other) => ({ ...other, parts: manifest.parts }) });
    await fixture.damage(manifest.parts[1]?.key ?? "", flipped);
    const { gaps, notices } = noted();
    expect(await found(fixture, "*", { gaps })).toEqual(["03 /x"]);
    expect([gaps.exit, notices.map(({ code }) => code)]).toEqual([4, ["part-lost"]]);
  });
});

attack(
  {
    by: "H",
    what: "a newer root that names the parts of an older backup, and lies about their size or where the next one begins",
    before:
      "found while these subcommands were attacked: `find` and `history` took the part for lost, and did not read it for the older backup",
    now: "the lie costs the root that tells it, and what the older backup has is found",
  },
  async () => {
    await using fixture = await Fixture.open();
    const { manifest } = await fixture.backup([file("/a", "1"), file("/x", "1")], day(1));
    const [part] = manifest.parts;
    if (part === undefined) throw new Error("no part");
    const overlapped = [part, { ...part, first: fromText("/b") }];
    await fixture.backup([], { ...day(2), forge: (other) => ({ ...other, parts: overlapped }) });
    const longer = [{ ...part, size: part.size + 1 }];
    await fixture.backup([], { ...day(3), forge: (other) => ({ ...other, parts: longer }) });
    const { gaps } = noted();
    expect(await found(fixture, "*", { gaps })).toEqual(["01 /a", "01 /x"]);
    expect(gaps.exit).toBe(4);
  },
);

describe("a pattern", () => {
  const bytes = (latin1: string) => fromBytes(Buffer.from(latin1, "latin1"));
  test.each<readonly [pattern: string, matches: readonly ByteString[], others: readonly ByteString[]]>([
    ["*.conf", [fromText("/etc/a.conf"), fromText("/.conf"), fromText("/a\nb.conf")], [fromText("/a.conf/b")]],
    ["?", [fromText("/é"), fromText("/x/😀"), bytes("/\xff")], [fromText("/ab"), fromText("/")]],
    ["*.t", [bytes("/caf\xe9.t")], [bytes("/caf\xe9.u")]],
    ["/etc/*.conf", [fromText("/etc/a.conf")], [fromText("/x/etc/a.conf"), fromText("/etc/d/a.conf")]],
    ["etc/*", [fromText("/etc/a"), fromText("/x/etc/a")], [fromText("/etc/a/b"), fromText("/etc")]],
    ["/home/**/x", [fromText("/home/x"), fromText("/home/a/b/x")], [fromText("/x")]],
    ["/a/", [fromText("/a")], [fromText("/a/b")]],
    ["/", [fromText("/")], [fromText("/a")]],
    ["[a-c]{x,y}", [fromText("/ax"), fromText("/q/by")], [fromText("/dx"), fromText("/a")]],
    ["!a", [fromText("/!a")], [fromText("/b")]],
    ["a(b)+", [fromText("/a(b)+")], [fromText("/abb")]],
    ["a\\*", [fromText("/a*")], [fromText("/ab")]],
    ["a\\", [fromText("/a\\")], [fromText("/a")]],
    ["[!a]b", [fromText("/cb"), fromText("/é/éb")], [fromText("/ab"), fromText("/!b/x")]],
    ["/a/**", [fromText("/a/b"), fromText("/a/b/c")], [fromText("/a"), fromText("/b/a/c")]],
    [
      "{/etc/a,b/c,d}",
      [fromText("/etc/a"), fromText("/x/b/c"), fromText("/x/d")],
      [fromText("/x/etc/a"), fromText("/c")],
    ],
    ["/a{/x,}/b", [fromText("/a/x/b"), fromText("/a/b")], [fromText("/a/x")]],
    ["a[/]b", [fromText("/a[/]b")], [fromText("/a/b")]],
  ])("the pattern %j matches what a shell's does", (word, matches, others) => {
    const pattern = parsePattern(word);
    for (const path of matches) expect([path, pattern.matches(path)]).toEqual([path, true]);
    for (const path of others) expect([path, pattern.matches(path)]).toEqual([path, false]);
  });

  test("a pattern says in which folder all matches lie", () => {
    const below = (word: string) => parsePattern(word).below as string;
    expect(["*", "/etc/*", "/home/alice/**/x", "a/b", "/etc/fstab", "/a{b,c}/d", "/é/x"].map(below)).toEqual([
      "/",
      "/etc",
      "/home/alice",
      "/",
      "/etc/fstab",
      "/",
      "/",
    ]);
  });

  test("a pattern that is too long, is empty, has too many braces or a named class is refused", () => {
    expect(() => parsePattern("a".repeat(5000))).toThrow("longer than 4096 characters");
    expect(() => parsePattern("")).toThrow("it is empty");
    expect(() => parsePattern("[[:digit:]]*")).toThrow("classes of characters have no names here");
    for (const bomb of ["{a,b}".repeat(800), `{${",".repeat(4_000)}}`]) {
      expect(() => parsePattern(bomb)).toThrow("stand for more than 1024 patterns");
    }
    expect(parsePattern("{".repeat(4_096)).matches(fromText("/a"))).toBe(false);
  });
});
