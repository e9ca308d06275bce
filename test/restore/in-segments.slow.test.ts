/** Files whose content goes on in segments: restored, compared, and lost alone if the segments do not fit. */
import { describe, expect, test } from "bun:test";
import { appendFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { exitOf } from "../../restore/restore.ts";
import { fileInSegments, type SegmentContent } from "./in-segments.ts";
import { Fixture, file, folder, type Item } from "./support.ts";
import { verified } from "./verify/plant.ts";

const now = () => new Date("2026-11-21T03:00:00Z");
const contents: readonly SegmentContent[] = [
  { content: "first", holes: [[5, 1000]] },
  { content: "", holes: [[0, 50]] },
  { content: "second" },
  {
    content: "third",
    holes: [
      [0, 7],
      [12, 3],
    ],
  },
];
const whole = `first${"\0".repeat(1050)}second${"\0".repeat(7)}third\0\0\0`;
const around = [folder("/"), folder("/d"), file("/d/long-old", "old"), file("/d/long.bak", "bak"), file("/d/z", "z")];
const long = fileInSegments("/d/long", contents);

describe("a file in segments", () => {
  test.each([1, 2, 3, 100])("a file in segments is restored from parts of %d entries", async (perPart) => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([...around, ...long], { perPart });
    const figures = await fixture.restore(backup);
    expect(fixture.complaints).toEqual([]);
    expect(await fixture.read("/d/long")).toBe(whole);
    expect(await fixture.names("/d")).toEqual(["long", "long-old", "long.bak", "z"]);
    expect(figures).toMatchObject({ files: 4, errors: 0 });
    expect(await fixture.restore(backup)).toMatchObject({ files: 0, unchanged: 4, errors: 0, bytes: 0 });
  });

  test("a file in segments is restored alone, and not with the files that sort between", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([...around, ...long], { perPart: 2 });
    await fixture.restore(backup, { paths: ["/d/long"] });
    expect(await fixture.names("/d")).toEqual(["long"]);
    expect(await fixture.read("/d/long")).toBe(whole);
    await fixture.restore(backup, { paths: ["/d/long-old"] });
    expect(await fixture.names("/d")).toEqual(["long", "long-old"]);
  });

  test.each([0, 5, 1060, whole.length - 1])(
    "a file in segments is restored again if byte %d of what is there differs",
    async (at) => {
      await using fixture = await Fixture.open();
      const backup = await fixture.backup([...around, ...long], { perPart: 2 });
      await fixture.restore(backup);
      const { atime, mtime } = await stat(fixture.at("/d/long"));
      const other = Buffer.from(whole);
      other[at] = 1;
      await writeFile(fixture.at("/d/long"), other);
      await utimes(fixture.at("/d/long"), atime, mtime);
      expect(await fixture.restore(backup)).toMatchObject({ files: 1, unchanged: 3, errors: 0 });
      expect(await fixture.read("/d/long")).toBe(whole);
      await appendFile(fixture.at("/d/long"), "more");
      await fixture.restore(backup);
      expect(await fixture.read("/d/long")).toBe(whole);
      expect(fixture.complaints).toEqual([]);
    },
  );

  test("a file in segments with several names is one file again, and stored once for all of them", async () => {
    await using fixture = await Fixture.open();
    const names = ["/d/long", "/d/other"].flatMap((path) => fileInSegments(path, contents, { hardLink: "/d/long" }));
    const figures = await fixture.restore(await fixture.backup([...around, ...names], { perPart: 3 }));
    expect(figures).toMatchObject({ errors: 0, hardLinks: 1 });
    const [one, other] = await Promise.all(["/d/long", "/d/other"].map((path) => stat(fixture.at(path))));
    expect(one?.ino).toBe(other?.ino ?? 0);
    expect(await fixture.read("/d/other")).toBe(whole);
  });

  test.each([1, 2, 3, 100])(
    "a file in segments whose other names sort between it and its segments is one file again, from parts of %d entries",
    async (perPart) => {
      await using fixture = await Fixture.open();
      const paths = ["/d/long", "/d/long-b", "/d/long-b!", "/d/long.c", "/d/z-other"];
      const names = paths.flatMap((path) => fileInSegments(path, contents, { hardLink: "/d/long" }));
      const backup = await fixture.backup([...around, ...names], { perPart });
      for (const hardLinks of [4, 0]) {
        expect(await fixture.restore(backup)).toMatchObject({ errors: 0, hardLinks });
        const found = await Promise.all(paths.map((path) => stat(fixture.at(path))));
        expect(new Set(found.map(({ ino }) => ino)).size).toBe(1);
        for (const path of paths) expect(await fixture.read(path)).toBe(whole);
        expect(await fixture.names("/d")).toHaveLength(8);
        expect(fixture.complaints).toEqual([]);
      }
      await rm(fixture.at("/d/long-b"));
      expect(await fixture.restore(backup)).toMatchObject({ errors: 0 });
      expect((await stat(fixture.at("/d/long-b"))).ino).toBe((await stat(fixture.at("/d/z-other"))).ino);
    },
  );

  test("a file in segments is found to be whole by verify", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([...around, ...long], { perPart: 2 });
    const { state, findings } = await verified({ bucket: fixture.bucket, now, read: () => true });
    expect([state, findings]).toEqual(["restorable", []]);
  });

  test("a file in segments is lost alone, once, if content of two of them is damaged", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([...around, ...long], { perPart: 2, encoding: "none" });
    for (const { key, size } of backup.objects)
      if (size === 5 || size === 6) await fixture.damage(key, (bytes) => bytes.fill(0));
    const figures = await fixture.restore(backup);
    expect(figures).toMatchObject({ errors: 1, damaged: 1, files: 3 });
    expect(await fixture.names("/d")).toEqual(["long-old", "long.bak", "z"]);
    const { losses } = await verified({ bucket: fixture.bucket, now, read: () => true });
    expect([...losses].map(({ path }) => path)).toEqual(["/d/long"]);
  });
});

const [head, ...segments] = long;
const numbered = (item: Item | undefined, change: (line: string) => string): Item => {
  if (item === undefined) throw new Error("no such segment");
  return { ...item, forgeLine: (line) => change(item.forgeLine?.(line) ?? line) };
};
const other = fileInSegments("/d/long", [{ content: "FIRST", holes: [[5, 1000]] }, ...contents.slice(1)]);

const misfits: readonly [string, readonly Item[], RegExp][] = [
  ["the first is missing", [head, ...segments.slice(1)], /its content goes on at byte 1005, not at 0/],
  ["one is missing", [head, ...segments.toSpliced(1, 1)], /its content goes on at byte 1055, not at 1005/],
  ["the last is missing", [head, ...segments.slice(0, -1)], /its content ends at byte 1061 of 1076/],
  ["all are missing", [head], /its content ends at byte 0 of 1076/],
  ["one is another's", [head, other[1] ?? head, ...segments.slice(1)], /is not in the segments that it had/],
  [
    "one goes on beyond the end",
    [
      head,
      ...segments.slice(0, -1),
      numbered(segments.at(-1), (line) =>
        line.replace('"size":15,"holes":[[0,7],[12,3]]', '"size":16,"holes":[[0,7],[12,4]]'),
      ),
    ],
    /its content goes on beyond its end/,
  ],
  [
    "there are more than the entry says",
    [numbered(head, (line) => line.replace('"segments":4', '"segments":3')), ...segments],
    /is not in the segments that it had/,
  ],
];

describe("segments that do not fit their file", () => {
  test.each(misfits)("segments that do not fit cost their file alone: %s", async (_, items, why) => {
    await using fixture = await Fixture.open();
    const figures = await fixture.restore(await fixture.backup([...around, ...items], { perPart: 3 }));
    expect(await fixture.names("/d")).toEqual(["long-old", "long.bak", "z"]);
    expect(figures).toMatchObject({ errors: 1, damaged: 1 });
    expect(fixture.complaints).toEqual([expect.stringMatching(why)]);
    expect(fixture.complaints[0]).toStartWith('cannot restore "/d/long": ');
  });

  test.each(misfits)("segments that do not fit are found by verify: %s", async (_, items) => {
    await using fixture = await Fixture.open();
    await fixture.backup([...around, ...items], { perPart: 3 });
    const { state, findings, losses } = await verified({ bucket: fixture.bucket, now });
    expect(state).toBe("damaged");
    expect(findings).toMatchObject([{ code: "entry-unreadable" }]);
    expect([...losses].map(({ path }) => path)).toEqual(["/d/long"]);
  });

  const orphans: readonly [string, readonly Item[]][] = [
    ["there is no entry of it", segments],
    ["its entry has content of its own", [file("/d/long", "short"), ...segments]],
  ];
  test.each(orphans)(
    "segments of no file are named by restore and verify, and restored nowhere: %s",
    async (_, items) => {
      await using fixture = await Fixture.open();
      const backup = await fixture.backup([...around, ...items], { perPart: 2 });
      const figures = await fixture.restore(backup);
      expect(figures).toMatchObject({ errors: 1, damaged: 1 });
      expect(exitOf(figures)).toBe(4);
      expect(fixture.complaints).toEqual([
        expect.stringContaining('cannot restore "/d/long": the manifest has content of it, and no entry'),
      ]);
      expect(await fixture.names("/d")).toEqual([...(items === segments ? [] : ["long"]), "long-old", "long.bak", "z"]);
      const { losses } = await verified({ bucket: fixture.bucket, now });
      expect([...losses].map(({ path }) => path)).toEqual(["/d/long"]);
    },
  );

  test("segments of no file are found by verify though another backup has the file", async () => {
    await using fixture = await Fixture.open();
    await fixture.backup([...around, ...long]);
    await fixture.backup([...around, ...segments], { start: new Date("2026-11-21T02:30:00Z") });
    const { losses } = await verified({ bucket: fixture.bucket, now });
    expect([...losses].map(({ path }) => path)).toContain("/d/long");
  });

  test("segments of a file whose entry cannot be read are no loss of their own", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([
      ...around,
      numbered(head, (line) => line.replace('"size"', '"sise"')),
      ...segments,
    ]);
    expect(await fixture.restore(backup)).toMatchObject({ errors: 1, damaged: 1 });
    expect(fixture.complaints).toEqual([expect.stringContaining("what the manifest says of it cannot be read")]);
  });

  test("a lost part costs the file whose segments were in it, and what else was in it", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([...around, ...long], { perPart: 2 });
    const part = backup.manifest.parts.find(({ first }) => first.includes("/d/long/"));
    await fixture.lose(part?.key ?? "");
    await fixture.restore(backup);
    expect(await fixture.names("/d")).not.toContain("long");
    expect(fixture.complaints.join()).toContain(
      'cannot restore "/d/long": the manifest has its content in several entries',
    );
  });
});
