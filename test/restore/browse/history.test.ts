import { describe, expect, test } from "bun:test";
import type { HeadEntry } from "../../../core/format/entries/entry-json.ts";
import type { Manifest } from "../../../core/format/manifest/manifest.ts";
import { fromText } from "../../../core/format/path.ts";
import { rootsByAge } from "../../../restore/browse/backups.ts";
import { historyOf } from "../../../restore/browse/history.ts";
import { Fixture, file, flipped, folder } from "../support.ts";
import { counting, manyFiles, noted, signal } from "./support.ts";

async function history({ bucket }: Pick<Fixture, "bucket">, path: string, gaps = noted().gaps): Promise<string[]> {
  const roots = await rootsByAge(bucket, "test");
  const rows = historyOf({ bucket, roots, path: fromText(path), gaps, signal });
  return Array.fromAsync(rows, ({ held, first, last, backups }) => {
    const what = held.state === "held" ? shown(held.entry) : held.state;
    return `${first.stamp.slice(6, 8)}-${last.stamp.slice(6, 8)} ${backups} ${what}`;
  });
}

function shown(entry: HeadEntry): string {
  return entry.type === "file" && entry.size > 0 ? String(entry.size) : `mode ${entry.mode}`;
}

const day = (n: number) => ({ start: new Date(`2026-10-${String(n).padStart(2, "0")}T00:00:00Z`) });

describe("the history of a path", () => {
  test("backups in a row with the same version are one line, and those without the path another", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([folder("/")], day(1));
    for (const n of [2, 3]) await fixture.backup([file("/x", "1")], day(n));
    await fixture.backup([file("/x", "22")], day(4));
    await fixture.backup([file("/y", "22")], day(5));
    for (const n of [6, 7]) await fixture.backup([file("/x", "1")], day(n));
    expect(await history(fixture, "/x")).toEqual([
      "01-01 1 absent",
      "02-03 2 1",
      "04-04 1 2",
      "05-05 1 absent",
      "06-07 2 1",
    ]);
    expect(await history(fixture, "/nothing")).toEqual(["01-07 7 absent"]);
  });

  test("thirty backups take a request for each root, and one for each different part that may hold the path", async () => {
    await using fixture = await Fixture.open();
    const items = manyFiles(["/a", "/b"], 200, "");
    for (let n = 1; n <= 30; n += 1) {
      const hot = file("/a/f0050", "", { mode: Math.ceil(n / 10) });
      const cold = file("/b/f0150", "", { mode: n });
      const changed = items.map((item) => [hot, cold].find(({ head }) => head.path === item.head.path) ?? item);
      await fixture.backup(changed, { ...day(n), perPart: 40 });
    }
    const { bucket, counts } = counting(fixture);
    expect(await history({ bucket }, "/a/f0050")).toEqual(["01-10 10 mode 1", "11-20 10 mode 2", "21-30 10 mode 3"]);
    expect(counts).toMatchObject({ list: 2, get: 30 + 3, head: 0 });
  });

  test("a damaged part is unknown, not absent, and reported once; another version of it may be whole", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([file("/x", "1")], day(1));
    const { manifest } = await fixture.backup([file("/x", "")], day(2));
    const forge = (other: Manifest) => ({ ...other, parts: manifest.parts });
    await fixture.backup([file("/y", "")], { ...day(3), forge });
    await fixture.backup([file("/x", "")], day(4));
    await fixture.damage(manifest.parts[0]?.key ?? "", flipped);
    const { gaps, notices } = noted();
    expect(await history(fixture, "/x", gaps)).toEqual(["01-01 1 1", "02-03 2 unknown", "04-04 1 mode 420"]);
    expect([gaps.exit, notices.map(({ code }) => code)]).toEqual([4, ["part-lost"]]);
  });

  test("a root that lies about a part does not hide what other backups have in it", async () => {
    await using fixture = await Fixture.open();
    const { manifest } = await fixture.backup([file("/a", "1"), file("/x", "1")], { ...day(3), perPart: 2 });
    const [part] = manifest.parts;
    if (part === undefined) throw new Error("no part");
    const overlapped = { ...part, first: fromText("/b") };
    await fixture.backup([], { ...day(2), forge: (other) => ({ ...other, parts: [part, overlapped] }) });
    await fixture.backup([], {
      ...day(1),
      forge: (other) => ({ ...other, parts: [{ ...part, size: part.size + 1 }] }),
    });
    const { gaps } = noted();
    expect(await history(fixture, "/a", gaps)).toEqual(["01-02 2 unknown", "03-03 1 1"]);
    expect(gaps.exit).toBe(4);
  });

  test("a root that cannot be read is reported, and the others count", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([file("/x", "1")], day(1));
    const { key } = await fixture.backup([file("/x", "1")], day(2));
    await fixture.backup([file("/x", "1")], day(3));
    await fixture.damage(key, flipped);
    const { gaps, notices } = noted();
    expect(await history(fixture, "/x", gaps)).toEqual(["01-03 2 1"]);
    expect([gaps.exit, notices.map(({ code }) => code)]).toEqual([4, ["manifest-unusable"]]);
  });
});
