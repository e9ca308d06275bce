/** Entries that no reader can take, in a part whose digest is right: each costs itself alone. */
import { describe, expect, test } from "bun:test";
import { exitOf } from "../../restore/restore.ts";
import { Fixture, file, folder, type Item, link } from "./support.ts";
import { verified } from "./verify/plant.ts";

const now = () => new Date("2026-11-21T03:00:00Z");

const spoiled = (item: Item, forgeLine: (line: string) => string): Item => ({ ...item, forgeLine });

const bad: [string, Item][] = [
  [
    "a size beyond 2^53",
    spoiled(file("/d/bad", "bad"), (line) => line.replace('"size":3', '"size":9223372036854775807')),
  ],
  [
    "a time of 10^15 seconds",
    spoiled(file("/d/bad", "bad"), (line) => line.replace(/"mt":"\d+/, '"mt":"1000000000000000')),
  ],
  ["a link with an empty target", spoiled(link("/d/bad", "x"), (line) => line.replace('"tgt":"x"', '"tgt":""'))],
  [
    "holes that are more than the file",
    spoiled(file("/d/bad", "bad"), (line) => line.replace('"size":3', '"size":3,"holes":[[0,9]]')),
  ],
  [
    "an extent of an object that is not there",
    spoiled(file("/d/bad", "bad"), (line) => line.replace('"dat":[[0', '"dat":[[7')),
  ],
  [
    "a type that this version does not know",
    spoiled(file("/d/bad", "bad"), (line) => line.replace('"typ":"f"', '"typ":"w"')),
  ],
];

describe("an entry that cannot be read", () => {
  test.each(bad)("%s costs itself alone, and is named", async (_, item) => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([folder("/"), folder("/d"), file("/d/a", "a"), item, file("/d/z", "z")]);
    const figures = await fixture.restore(backup);
    expect(await fixture.names("/d")).toEqual(["a", "z"]);
    expect(fixture.complaints).toEqual([
      expect.stringMatching(/^cannot restore "\/d\/bad": what the manifest says of it cannot be read: /),
    ]);
    expect([exitOf(figures), figures.damaged]).toEqual([4, 1]);
  });

  test.each(bad)("%s is found by verify, which names it as lost", async (_, item) => {
    await using fixture = await Fixture.open();
    await fixture.backup([folder("/"), folder("/d"), file("/d/a", "a"), item, file("/d/z", "z")]);
    const { state, findings, losses, backups } = await verified({ bucket: fixture.bucket, now });
    expect(state).toBe("damaged");
    expect(findings).toMatchObject([{ code: "entry-unreadable", severity: "damage" }]);
    expect(losses).toEqual([{ path: "/d/bad", entries: 1, backups: 1 }]);
    expect(backups).toMatchObject([{ state: "damaged", lost: 1 }]);
  });

  test("an entry that cannot be read says nothing in a restore of other paths", async () => {
    await using fixture = await Fixture.open();
    const items = [folder("/"), folder("/d"), file("/d/a", "a"), bad[0]?.[1] ?? folder("/e")];
    const figures = await fixture.restore(await fixture.backup(items), { paths: ["/d/a"] });
    expect([exitOf(figures), fixture.complaints]).toEqual([0, []]);
  });

  test("a line that is no JSON costs itself alone, first in its part or last", async () => {
    for (const path of ["/d/0", "/d/zz"]) {
      await using fixture = await Fixture.open();
      const items = [folder("/"), folder("/d"), file("/d/a", "a"), spoiled(file(path, "bad"), () => "no JSON")];
      const figures = await fixture.restore(await fixture.backup(items, { perPart: 2 }));
      expect(await fixture.names("/d")).toEqual(["a"]);
      expect(fixture.complaints).toEqual([
        expect.stringMatching(/^cannot restore "an entry without a readable path": /),
      ]);
      expect(exitOf(figures)).toBe(4);
    }
  });

  test("a part whose entries are all bad is reported entry by entry", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([folder("/"), spoiled(file("/b", "bad"), () => "no JSON")], { perPart: 1 });
    const { findings, losses } = await verified({ bucket: fixture.bucket, now });
    expect(findings).toMatchObject([{ code: "entry-unreadable" }]);
    expect(losses).toEqual([{ path: "/b", entries: 1, backups: 1 }]);
  });

  test("a folder's entry that cannot be read costs the folder's own metadata, not what lies in it", async () => {
    await using fixture = await Fixture.open();
    const items = [
      folder("/"),
      spoiled(folder("/d"), (line) => line.replace('"mode":', '"mode":"x",')),
      file("/d/a", "a"),
    ];
    const figures = await fixture.restore(await fixture.backup(items));
    expect(await fixture.read("/d/a")).toBe("a");
    expect(exitOf(figures)).toBe(4);
  });

  test("an entry out of order is refused alone, as it could replace what an earlier one made", async () => {
    await using fixture = await Fixture.open();
    const items = [
      folder("/"),
      file("/a", "a"),
      spoiled(file("/b", "b"), (line) => line.replace('"/b"', '"/a"')),
      file("/c", "c"),
    ];
    const figures = await fixture.restore(await fixture.backup(items));
    expect([await fixture.names(), await fixture.read("/a")]).toEqual([["a", "c"], "a"]);
    expect(exitOf(figures)).toBe(4);
  });
});
