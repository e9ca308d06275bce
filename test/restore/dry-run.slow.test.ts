import { describe, expect, test } from "bun:test";
import { chmod, chown, link as hardLink, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { dryRun, type Prospect } from "../../restore/dry-run.ts";
import { describeTree } from "../support/tree/describe.ts";
import { backupOf } from "./browse/bundles.ts";
import { fileInSegments } from "./in-segments.ts";
import { type Backup, Fixture, fifo, file, folder, type Item, isRoot, link, type RestoreWishes } from "./support.ts";

type Prospects = Record<string, Prospect>;

async function prospectsOf(fixture: Fixture, { manifest }: Backup, wishes: RestoreWishes = {}) {
  const prospects: Prospects = {};
  const gets: string[] = [];
  const figures = await dryRun({
    bucket: {
      ...fixture.bucket,
      get(key, options) {
        gets.push(key);
        return fixture.bucket.get(key, options);
      },
    },
    manifest,
    target: fixture.target,
    paths: [],
    numericOwner: false,
    notify: (notice) => fixture.notices.push(notice),
    signal: new AbortController().signal,
    onProspect(path, prospect) {
      prospects[path] = prospect;
    },
    ...wishes,
  });
  return { prospects, figures, gets };
}

const items = [
  folder("/"),
  folder("/d", { mode: 0o750 }),
  file("/d/changed", "as it was"),
  file("/d/first", "twice", { hardLink: "/d/first" }),
  file("/d/second", "twice", { hardLink: "/d/first" }),
  file("/d/gone", "gone"),
  file("/d/same", "same"),
  link("/d/link", "there"),
  fifo("/d/pipe"),
];

describe("--dry-run", () => {
  test("an empty target gets all, and is not made", async () => {
    await using fixture = await Fixture.open();
    const { prospects, figures, gets } = await prospectsOf(fixture, await fixture.backup(items));
    expect(new Set(Object.values(prospects))).toEqual(new Set(["created"]));
    expect(figures).toMatchObject({ created: items.length, changed: 0, left: 0, bytes: 27 });
    expect(await readdir(fixture.scratch.path)).not.toContain("target");
    expect(gets.every((key) => key.startsWith("manifests/"))).toBe(true);
  });

  test("what differs is changed, what is the same is left, what is gone is created", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    await fixture.restore(backup);
    await writeFile(fixture.at("/d/changed"), "as it is!");
    await rm(fixture.at("/d/gone"));
    await rm(fixture.at("/d/second"));
    await writeFile(fixture.at("/d/second"), "twice");
    await chmod(fixture.at("/d"), 0o700);
    const before = await describeTree("/", { under: fixture.target });
    const { prospects } = await prospectsOf(fixture, backup);
    expect(prospects).toEqual({
      "/": "left",
      "/d": "changed",
      "/d/changed": "changed",
      "/d/first": "left",
      "/d/gone": "created",
      "/d/link": "left",
      "/d/pipe": "left",
      "/d/same": "left",
      "/d/second": "changed",
    });
    expect(await describeTree("/", { under: fixture.target })).toEqual(before);
  });

  test("with --delete, what the backup lacks is named, and nothing is removed", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    await fixture.restore(backup);
    await writeFile(fixture.at("/d/extra"), "mine");
    const removal = { spared: [], confirm: () => Promise.reject(new Error("nothing was to be asked")) };
    const { prospects } = await prospectsOf(fixture, backup, { removal });
    expect(prospects["/d/extra"]).toBe("removed");
    expect(await fixture.read("/d/extra")).toBe("mine");
  });

  test("with --overwrite never, what is there is kept", async () => {
    await using fixture = await Fixture.open();
    await mkdir(fixture.at("/d"), { recursive: true });
    await writeFile(fixture.at("/d/changed"), "mine");
    const { prospects } = await prospectsOf(fixture, await fixture.backup(items), { overwrite: "never" });
    expect(prospects).toMatchObject({ "/d": "kept", "/d/changed": "kept", "/d/gone": "created" });
  });

  test("it says what a restore then does, whatever lies in the target", async () => {
    const names = ["a", "b", "c"];
    const paths = ["/d", ...names.map((name) => `/d/${name}`)];
    const kinds = ["file", "other file", "link", "folder", "nothing", "linked"] as const;
    const lies = fc.tuple(...names.map(() => fc.constantFrom(...kinds)));
    const kept = fc.tuple(...names.map(() => fc.constantFrom("file", "link", "folder", "nothing")));
    const itemOf = (path: string, kind: string): Item[] => {
      if (kind === "nothing") return [];
      return [kind === "file" ? file(path, "x") : kind === "link" ? link(path, "x") : folder(path)];
    };
    await fc.assert(
      fc.asyncProperty(lies, kept, async (there, backedUp) => {
        await using fixture = await Fixture.open();
        const wanted = names.flatMap((name, at) => itemOf(`/d/${name}`, backedUp[at] ?? ""));
        const backup = await fixture.backup([folder("/"), folder("/d"), ...wanted]);
        await fixture.restore(backup);
        for (const [at, name] of names.entries()) await lay(fixture, `/d/${name}`, there[at] ?? "nothing");
        const { prospects, figures } = await prospectsOf(fixture, backup);
        const before = await described(fixture, paths);
        const actualFigures = await fixture.restore(backup);
        const after = await described(fixture, paths);
        for (const [path, prospect] of Object.entries(prospects)) {
          if (path === "/" || path === "/d") continue;
          const [one, other] = [before.get(path), after.get(path)];
          const actual = one === undefined ? "created" : one === other ? "left" : "changed";
          expect(`${path} ${actual}`).toBe(`${path} ${prospect}`);
        }
        expect(figures.errors).toBe(actualFigures.errors);
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

async function lay(fixture: Fixture, path: string, kind: string): Promise<void> {
  const at = fixture.at(path);
  // As the backup has it.
  if (kind === "nothing") return;
  await rm(at, { recursive: true, force: true });
  if (kind === "link") await symlink("x", at);
  else if (kind === "folder") await mkdir(at);
  else await writeFile(at, kind === "file" ? "x" : "y");
  if (kind === "linked")
    await hardLink(at, join(fixture.scratch.path, `other name of ${path.slice(3)}`)).catch(() => {});
}

/** Type, metadata and content, in one text each. */
async function described(fixture: Fixture, paths: readonly string[]): Promise<Map<string, string>> {
  const tree = await describeTree("/", { under: fixture.target });
  const all = [...tree].map(([path, one]) => [path as string, JSON.stringify(one)] as const);
  return new Map(all.filter(([path]) => paths.includes(path)));
}

test.skipIf(!isRoot)(
  "a folder that a restore would move aside is named, and what the backup has in it is created",
  async () => {
    await using fixture = await Fixture.open();
    const alice = { owner: { user: undefined, group: undefined, uid: 1001, gid: 1001 } };
    const backup = await fixture.backup([
      folder("/"),
      folder("/alice", alice),
      file("/alice/x", "x", alice),
      file("/y", "y"),
    ]);
    await fixture.restore(backup);
    await chown(fixture.at("/alice"), 1002, 1002);
    const { prospects, figures } = await prospectsOf(fixture, backup);
    expect(prospects).toEqual({ "/": "left", "/alice": "changed", "/alice/x": "created", "/y": "left" });
    expect(figures).toMatchObject({ warnings: 0, errors: 0 });
    expect(fixture.notices.map(({ code }) => code)).toEqual(["would-move-aside"]);
    expect(await fixture.restore(backup)).toMatchObject({ folders: 1, files: 1, unchanged: 1 });
    expect(fixture.notices.map(({ code }) => code)).toEqual(["would-move-aside", "moved-aside"]);
  },
);

test("a dry run tells of each path once, also of those that lie in bundles and among the files", async () => {
  await using fixture = await Fixture.open();
  const files = [folder("/"), folder("/b"), file("/b/x", ""), file("/b/y", ""), file("/z", "")];
  const bundles = { "/b": [folder("/"), folder("/b"), file("/b/w", ""), file("/b/x", "")] };
  const backup = await backupOf(fixture, { files, bundles }, new Date("2026-11-21T02:00:03Z"));
  const { prospects, figures } = await prospectsOf(fixture, backup);
  expect(Object.keys(prospects).sort()).toEqual(["/", "/b", "/b/w", "/b/x", "/b/y", "/z"]);
  expect(figures.created).toBe(6);
});

test("a dry run tells of a file in segments also if what comes last after it in a bundle is among the files", async () => {
  await using fixture = await Fixture.open();
  const files = [folder("/"), folder("/b"), folder("/b/z")];
  const large = fileInSegments("/b/a", [{ content: "first" }, { content: "second" }]);
  const bundles = { "/b": [folder("/"), folder("/b"), ...large, folder("/b/z")] };
  const backup = await backupOf(fixture, { files, bundles }, new Date("2026-11-21T02:00:03Z"));
  await fixture.restore(backup);
  const { prospects } = await prospectsOf(fixture, backup, { overwrite: "always" });
  expect(prospects).toMatchObject({ "/b/a": "changed", "/b/z": "left" });
});

test.each(["never", "if-newer"] as const)(
  "a dry run with --overwrite %s names as lost what the restore loses, and keeps what that keeps",
  async (overwrite) => {
    await using fixture = await Fixture.open();
    const below = (path: string) => [
      folder(path),
      file(`${path}/in`, "x"),
      folder(`${path}/sub`),
      file(`${path}/sub/in`, "x"),
    ];
    const backup = await fixture.backup([
      folder("/"),
      ...below("/d"),
      ...below("/d-"),
      file("/f", "x"),
      link("/l", "x"),
      file("/n", "x"),
    ]);
    await mkdir(fixture.target);
    // Of today, so that they are newer.
    await writeFile(fixture.at("/d"), "a file");
    await symlink("nowhere", fixture.at("/d-"));
    for (const name of ["/f", "/l"]) await mkdir(fixture.at(`${name}/full`), { recursive: true });
    const lost = () => fixture.complaints.splice(0).map((message) => /"(.*?)"/.exec(message)?.[1]);
    const { prospects, figures } = await prospectsOf(fixture, backup, { overwrite });
    const said = lost().sort();
    fixture.notices.length = 0;
    const { errors, kept } = await fixture.restore(backup, { overwrite });
    // What lies in a lost folder is counted in one more line.
    expect([said, figures.errors]).toEqual([[...new Set(lost())].sort(), errors]);
    expect(said).toEqual(["/d-/in", "/d-/sub", "/d/in", "/d/sub"]);
    expect(figures.kept).toBe(kept);
    expect(prospects).toMatchObject({ "/d": "kept", "/d-": "kept", "/f": "kept", "/l": "kept", "/n": "created" });
  },
);
