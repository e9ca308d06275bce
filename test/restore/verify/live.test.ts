import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { chmod, mkdir, rename, rm, stat, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { count, noCounts } from "../../../core/bucket/decorators/count.ts";
import { compareLive, type Difference, type LiveFigures } from "../../../restore/verify/live.ts";
import { Rig, type RigRun } from "../../core/archive/rig.ts";
import { script } from "../../core/archive/scripts.ts";
import { backupOf } from "../browse/bundles.ts";
import { Fixture, file } from "../support.ts";
import { keyOf, lose } from "./plant.ts";

async function machine(): Promise<{ readonly rig: Rig; readonly run: RigRun }> {
  const rig = await Rig.make();
  rig.ahead = 0;
  for (const name of ["a", "b", "c", "folder/d"]) await rig.write(name, `content of ${name}`);
  await symlink("a", rig.file("link"));
  return { rig, run: await rig.run() };
}

type Compared = { readonly figures: LiveFigures; readonly found: readonly string[]; readonly gets: number };

async function compare(rig: Rig, { backup }: RigRun, hash = false): Promise<Compared> {
  const differences: Difference[] = [];
  const counts = noCounts();
  const figures = await compareLive({
    bucket: count(rig.bucket, counts),
    manifest: backup.manifest,
    hash: () => hash,
    onDifference: (difference) => differences.push(difference),
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  const start = `${rig.path}/files/`;
  const ours = differences.filter(({ path }) => path.startsWith(start));
  const found = ours.map(({ kind, path, what }) => [kind, path.slice(start.length), ...what].join(" "));
  return { figures, found, gets: counts.get };
}

describe("verify --live", () => {
  test("verify --live finds nothing on a machine as it was, and reads no content", async () => {
    const { rig, run } = await machine();
    await using _ = rig;
    const { found, gets } = await compare(rig, run, true);
    expect(found).toEqual([]);
    expect(gets).toBe(run.backup.manifest.parts.length);
  });

  test("verify --live names what is new in byte order of path, also in a folder with more new names than are held in memory", async () => {
    const { rig, run } = await machine();
    await using _ = rig;
    const names = Array.from({ length: 20_500 }, (_, number) => `folder/n${number}`);
    await rig.write("e", "before them");
    await rig.write("b2", "before them, too");
    await rig.write("folder/n/in a new folder", "");
    for (const name of names) writeFileSync(rig.file(name), "");
    const { found } = await compare(rig, run);
    expect(found.slice(0, 2)).toEqual(["new b2", "new e"]);
    expect(found.slice(2)).toEqual(["folder/n", ...names].sort().map((name) => `new ${name}`));
  });

  test("verify --live names what changed and how, what is missing, and what is new", async () => {
    const { rig, run } = await machine();
    await using _ = rig;
    await writeFile(rig.file("a"), "longer than it was before");
    await chmod(rig.file("b"), 0o600);
    await unlink(rig.file("c"));
    await unlink(rig.file("link"));
    await symlink("b", rig.file("link"));
    await rm(rig.file("folder"), { recursive: true });
    await rig.write("folder", "a file now");
    await rig.write("new", "n");
    await rig.write("new folder/in it", "reported with its folder");
    expect((await compare(rig, run)).found).toEqual([
      "changed a size time",
      "changed b mode",
      "missing c",
      "changed folder type",
      "missing folder/d",
      "changed link time target",
      "new new",
      "new new folder",
    ]);
  });

  test("a folder that became a link, behind which nothing is looked at", async () => {
    const { rig, run } = await machine();
    await using _ = rig;
    await rename(rig.file("folder"), `${rig.path}/elsewhere`);
    await symlink(`${rig.path}/elsewhere`, rig.file("folder"));
    expect((await compare(rig, run)).found).toEqual(["changed folder type", "missing folder/d"]);
  });

  test("what lay there before the backup and was not picked is not new", async () => {
    const { rig } = await machine();
    await using _ = rig;
    await script(`${rig.path}/pickers.d`, "all", `printf '%s\\n' '${rig.file()}' '${rig.file("a")}'`);
    rig.ahead = -60_000;
    expect((await compare(rig, await rig.run())).found).toEqual(["new b", "new c", "new folder", "new link"]);
    rig.ahead = 60_000;
    expect((await compare(rig, await rig.run())).found).toEqual([]);
  });

  test("a change that size and time hide shows only when content is hashed", async () => {
    const { rig, run } = await machine();
    await using _ = rig;
    const { atime, mtime } = await Bun.file(rig.file("a")).stat();
    await writeFile(rig.file("a"), "content 0f a");
    await utimes(rig.file("a"), atime, mtime);
    const hashed = await compare(rig, run, true);
    expect(hashed.found[0]).toMatch(/^changed a (time )?content$/);
    expect((await compare(rig, run)).found.join()).not.toContain("content");
  });

  test("names and paths that no file system takes are missing, and cost no other", async () => {
    await using fixture = await Fixture.open();
    const [long, deep, other] = ["/tmp/".padEnd(300, "n"), `/tmp${"/d".repeat(3_000)}`, "/tmp/zz no such file"];
    const { manifest } = await fixture.backup([file(deep, "x"), file(long, "x"), file(other, "x")]);
    const missing: string[] = [];
    await compareLive({
      bucket: fixture.bucket,
      manifest,
      hash: () => true,
      onDifference: ({ kind, path }) => missing.push(`${kind} ${path}`),
      onProgress: () => {},
      signal: new AbortController().signal,
    });
    expect(missing).toEqual([deep, long, other].map((path) => `missing ${path}`));
  });

  test("a lost part is counted, and the rest compared", async () => {
    const { rig, run } = await machine();
    await using _ = rig;
    await lose(rig, await keyOf(rig, "manifests/host/parts/"));
    expect((await compare(rig, run)).figures).toMatchObject({ entries: 0, lost: run.backup.manifest.totals.entries });
  });
});

test("what lies among the files and in a bundle is compared once, with what the bundle says", async () => {
  await using fixture = await Fixture.open();
  const path = (name: string) => `${fixture.outside}/${name}`;
  await mkdir(fixture.outside);
  for (const name of ["as in the bundle", "changed"]) writeFileSync(path(name), "x");
  const there = async (name: string, size: string) => {
    const { mtimeNs, mode } = await stat(path(name), { bigint: true });
    const modified = { seconds: Number(mtimeNs / 1_000_000_000n), nanoseconds: Number(mtimeNs % 1_000_000_000n) };
    return file(path(name), size, { modified, mode: Number(mode) & 0o7777 });
  };
  const files = [await there("as in the bundle", "old"), await there("changed", "old")];
  const table = [await there("as in the bundle", "x"), await there("changed", "older")];
  const backup = await backupOf(fixture, { files, bundles: { [fixture.outside]: table } }, new Date(0));
  const differences: string[] = [];
  const figures = await compareLive({
    bucket: fixture.bucket,
    manifest: backup.manifest,
    hash: () => false,
    onDifference: ({ kind, path: found, what }) => differences.push([kind, found, ...what].join(" ")),
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  expect(differences).toEqual([`changed ${path("changed")} size`]);
  expect(figures).toMatchObject({ entries: 2, changed: 1 });
});
