/** `--strip-components` makes one path of several: nothing replaces what the same restore has written. */
import { expect, test } from "bun:test";
import { dryRun, type Prospect } from "../../../restore/dry-run.ts";
import { attack } from "../../support/attack.ts";
import { fileInSegments } from "../in-segments.ts";
import { type Backup, Fixture, file, folder, isRoot, link } from "../support.ts";

const homes = [
  folder("/"),
  folder("/alice"),
  file("/alice/.profile", "alice"),
  folder("/alice/docs"),
  file("/alice/docs/a", "a"),
  folder("/bob"),
  file("/bob/.profile", "bob"),
  folder("/bob/docs"),
  file("/bob/docs/b", "b"),
];

async function foreseen(fixture: Fixture, { manifest }: Backup, strip: number) {
  const prospects: [string, Prospect][] = [];
  const figures = await dryRun({
    bucket: fixture.bucket,
    manifest,
    target: fixture.target,
    paths: [],
    strip,
    numericOwner: false,
    notify: () => {},
    signal: new AbortController().signal,
    onProspect: (path, prospect) => prospects.push([path, prospect]),
  });
  return { figures, prospects };
}

test.each([1, 100])(
  "the first of two files that get one path is restored, and the other is named (%d entries a part)",
  async (perPart) => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(homes, { perPart });
    const { figures: planned, prospects } = await foreseen(fixture, backup, 1);
    expect(planned).toMatchObject({ created: 4, errors: 1, damaged: 0 });
    expect(prospects.map(([path]) => path)).toEqual(["/.profile", "/docs", "/docs/a", "/docs/b"]);
    const figures = await fixture.restore(backup, { strip: 1 });
    expect(figures).toMatchObject({ files: 3, errors: 1, damaged: 0 });
    expect(await fixture.read("/.profile")).toBe("alice");
    expect(await fixture.names("/docs")).toEqual(["a", "b"]);
    expect(fixture.complaints).toEqual([
      'cannot restore "/bob/.profile": without the folders that --strip-components takes off, it is "/.profile", and something else of the backup has that place; restore it by its path into another folder, or take off fewer folders',
    ]);
    expect(await fixture.restore(backup, { strip: 1 })).toMatchObject({ files: 0, unchanged: 3, errors: 1 });
  },
);

test("a file in segments that gets the path of another one is named once, and that one keeps its own content", async () => {
  await using fixture = await Fixture.open();
  const contents = (start: string) => [{ content: `${start}first` }, { content: `${start}second` }];
  const items = [
    folder("/a"),
    ...fileInSegments("/a/f", contents("a")),
    folder("/b"),
    ...fileInSegments("/b/f", contents("b")),
  ];
  const backup = await fixture.backup(items, { perPart: 2 });
  expect(await fixture.restore(backup, { strip: 1 })).toMatchObject({ files: 1, errors: 1, damaged: 0 });
  expect(await fixture.read("/f")).toBe("afirstasecond");
});

test("another name of a file whose place is taken has its own content", async () => {
  await using fixture = await Fixture.open();
  const items = [
    folder("/a"),
    file("/a/f", "taken"),
    folder("/b"),
    file("/b/f", "mine", { hardLink: "/b/f" }),
    file("/b/g", "mine", { hardLink: "/b/f" }),
  ];
  expect(await fixture.restore(await fixture.backup(items), { strip: 1 })).toMatchObject({ files: 2, errors: 1 });
  expect([await fixture.read("/f"), await fixture.read("/g")]).toEqual(["taken", "mine"]);
});

test.skipIf(!isRoot)("folders of several users that become one have the owner of the first", async () => {
  await using fixture = await Fixture.open();
  const owned = (path: string, uid: number) =>
    folder(path, { owner: { user: undefined, group: undefined, uid, gid: uid } });
  const items = [
    owned("/a", 1001),
    owned("/a/d", 1001),
    file("/a/d/x", "x"),
    owned("/b", 1002),
    owned("/b/d", 1002),
    file("/b/d/y", "y"),
  ];
  const backup = await fixture.backup(items);
  const first = await fixture.restore(backup, { strip: 1, numericOwner: true });
  expect(first).toMatchObject({ files: 2, errors: 0, warnings: 0 });
  const { uid } = await Bun.file(fixture.at("/d")).stat();
  expect(uid).toBe(1001);
  expect(await fixture.restore(backup, { strip: 1, numericOwner: true })).toMatchObject({ unchanged: 2, errors: 0 });
});

attack(
  {
    by: "W",
    what: "a forged manifest has a link and, in another folder, a file that `--strip-components` puts below it",
    before: "a tar of `--to-stdout` had the file below the link",
    now: "what a link or file lies above of does not come, and is named",
  },
  async () => {
    await using fixture = await Fixture.open();
    const items = [
      folder("/a"),
      link("/a/l", fixture.outside),
      file("/a/m", "m"),
      folder("/b"),
      file("/b/l/evil", "evil"),
    ];
    const backup = await fixture.backup(items);
    expect((await foreseen(fixture, backup, 1)).prospects.map(([path]) => path)).toEqual(["/l", "/m"]);
    expect(await fixture.restore(backup, { strip: 1 })).toMatchObject({ links: 1, files: 1, errors: 1 });
    expect(await Bun.file(`${fixture.outside}/evil`).exists()).toBe(false);
  },
);
