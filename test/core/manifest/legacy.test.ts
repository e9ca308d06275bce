/** Backups of s3-sysbackup are read, restored, verified, pruned and renewed as ours are. */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { lstat, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { writeTar } from "../../../restore/browse/tar.ts";
import { dryRun } from "../../../restore/dry-run.ts";
import { Report } from "../../../restore/report/report.ts";
import { Notes } from "../../../restore/verify/notes.ts";
import { everything, lose, verified } from "../../restore/verify/plant.ts";
import {
  type LegacyRun,
  legacyFile,
  legacyFolder,
  legacyLink,
  legacySnapshot,
  putManifest,
  putPieces,
  putRaw,
} from "../../support/legacy.ts";
import { day } from "../archive/rig.ts";
import { pruneRig, renewRig } from "../steward/support.ts";
import { listed, long, noise, restored, rigWith } from "./legacy-support.ts";

const isRoot = process.getuid?.() === 0;

describe("a backup of s3-sysbackup", () => {
  test("a restore gives all kinds of content back, however it is stored", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const zippedByUser = gzipSync(randomBytes(100_000));
    const contents: Record<string, Uint8Array> = {
      "/d/long": long,
      "/d/noise": noise,
      "/d/short": Buffer.from("short\n"),
      "/d/zip": zippedByUser,
      "/d/empty": Buffer.alloc(0),
    };
    const files = await Promise.all(Object.entries(contents).map(([path, bytes]) => legacyFile(place, path, bytes)));
    const content = [...files, { typ: "f", o: 0, g: 0, mode: 0o600, dat: null, ver: null, path: "/d/null" }];
    await putManifest(place, "web1", { content: [legacyFolder("/"), legacyFolder("/d"), ...content] });
    const { exit, read, figures } = await restored(rig, "web1");
    expect([exit, figures.files]).toEqual([0, 6]);
    for (const [path, bytes] of Object.entries(contents))
      expect((await read(path)).equals(Buffer.from(bytes))).toBe(true);
    expect(await read("/d/null")).toHaveLength(0);
  });

  test.skipIf(!isRoot)(
    "owner, mode, ACL, special bits, links and hard links come back, and times are those of the backup",
    async () => {
      await using sample = await rigWith();
      const { rig, place } = sample;
      const acl =
        "user::rwx\nuser:daemon:r-x  #effective:r--\ngroup::r-x\nmask::r--\nother::---\n\nd:user::rwx\nd:group::---\ndefault:other::---\n";
      const content = [
        legacyFolder("/d", { acl }),
        await legacyFile(place, "/d/one", "same", { id: "1", o: "daemon", g: 7 }),
        await legacyFile(place, "/d/two", "same", { id: "1", o: "daemon", g: 7 }),
        await legacyFile(place, "/d/set", "x", { acl: undefined, mode: 0o755, sb: "s--" }),
        await legacyFile(place, "/d/nobody-knows", "x", { o: "no-such-user", w: ["unlocked-copy"] }),
        legacyLink("/d/link", "../somewhere"),
        await legacyFile(place, "/d/naïve", "x"),
      ];
      await putManifest(place, "web1", { content });
      const { exit, target, manifest } = await restored(rig, "web1");
      expect(exit).toBe(0);
      const one = await stat(join(target, "d/one"));
      expect([one.uid, one.gid, one.nlink, one.mode & 0o7777]).toEqual([1, 7, 2, 0o644]);
      expect(one.mtime.toISOString()).toBe(new Date(manifest.header.started).toISOString());
      expect((await stat(join(target, "d/set"))).mode & 0o7777).toBe(0o4755);
      expect((await stat(join(target, "d/nobody-knows"))).uid).toBe(0);
      expect((await lstat(join(target, "d/link"))).isSymbolicLink()).toBe(true);
      expect(await readFile(join(target, "d/naïve"), "utf8")).toBe("x");
      const facl = Bun.spawnSync([
        "getfacl",
        "--absolute-names",
        "--no-effective",
        join(target, "d"),
      ]).stdout.toString();
      expect(facl).toContain("user:daemon:r-x\ngroup::r-x\nmask::r--\nother::---\ndefault:user::rwx\n");
    },
  );

  test("each version of the manifest is a backup, found by time, by version and as the newest", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const versions: string[] = [];
    for (const text of ["first", "second", "third"]) {
      versions.push((await putManifest(place, "web1", { content: [await legacyFile(place, "/file", text)] })).version);
      rig.ahead += day;
    }
    const backups = await listed(rig);
    expect(backups.map(({ name, state }) => [name, state])).toEqual(Array(3).fill(["web1", "complete"]));
    expect(backups.map(({ key }) => key)).toEqual(
      versions.map((version) => `manifests/web1-backup.json?versionId=${version}`),
    );
    const textOf = async (wanted: string) => (await (await restored(rig, wanted)).read("/file")).toString();
    expect(await textOf("web1")).toBe("third");
    expect(await textOf("manifests/web1-backup.json")).toBe("third");
    expect(await textOf(backups[0]?.key ?? "")).toBe("first");
    const second = backups[1]?.stored.toISOString() ?? "";
    expect(await textOf(`web1@${second.slice(0, 16)}`)).toBe("second");
  });

  test("a dry run and a tar give its files the time of the backup, as a restore does", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    await putManifest(place, "web1", { content: [legacyFolder("/d"), await legacyFile(place, "/d/file", "text")] });
    const { target, manifest } = await restored(rig, "web1");
    const options = { bucket: rig.bucket, manifest, paths: [], signal: new AbortController().signal };
    const prospects: string[] = [];
    const onProspect = (path: string, prospect: string) => void prospects.push(`${prospect} ${path}`);
    await dryRun({ ...options, target, numericOwner: false, notify: () => {}, onProspect });
    expect(prospects.filter((line) => line.includes("file"))).toEqual(["left /d/file"]);
    const pieces: Uint8Array[] = [];
    const write = (piece: Uint8Array) => void pieces.push(Uint8Array.from(piece));
    await writeTar({ ...options, report: new Report(() => {}), write });
    const listing = Bun.spawnSync(["tar", "-tv", "--full-time", "--utc"], { stdin: Buffer.concat(pieces) });
    expect(listing.stdout.toString()).toContain(manifest.header.started.slice(0, 19).replace("T", " "));
    expect(listing.stdout.toString()).not.toContain("1970");
  });

  test("lists and choices are in the order of names, whichever program made a backup", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    await rig.write("file", "ours");
    for (const name of ["web1", "web1-db"]) await rig.run({ name });
    for (const name of ["web1", "a", "web1.x", "web1-db", "z"]) await putManifest(place, name, { content: [] });
    const names = (await listed(rig)).map(({ name }) => name);
    expect(names).toEqual(["a", "web1-db", "web1-db", "web1.x", "web1", "web1", "z"]);
  });

  test("dumps are fetched, of the version that the run put", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const key = await legacySnapshot(place, "web1", "first dump");
    await putManifest(place, "web1", { content: [], snapshots: [key] });
    rig.ahead += 5_000;
    await place.bucket.put(key, Buffer.from("later dump"), {
      retention: { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) },
    });
    const { exit, target, manifest } = await restored(rig, "web1", "fetch");
    expect(exit).toBe(0);
    expect(manifest.snapshots).toMatchObject([{ snapshotter: "db", restore_through: "cat" }]);
    expect(await readFile(join(target, "sysbackup-snapshots/db"), "utf8")).toBe("first dump");
  });

  test("the two lists that stand in for a manifest are one backup, and so are lists without their twin", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const run = async (text: string): Promise<LegacyRun> => ({
      content: [await legacyFile(place, "/file", text)],
      snapshots: [await legacySnapshot(place, "web1", text)],
    });
    await putPieces(place, "web1", await run("both"));
    rig.ahead += day;
    await putRaw(
      place,
      "manifests/web1-content_manifest.jsonl",
      `${JSON.stringify((await run("alone")).content[0])}\n`,
    );
    rig.ahead += day;
    await putRaw(place, "manifests/web1-snapshot_manifest.txt", `${await legacySnapshot(place, "web1", "dump")}\n`);
    const backups = await listed(rig);
    const figures = backups.map((backup) => "manifest" in backup && backup.manifest.totals);
    expect(figures).toMatchObject([
      { files: 1, snapshots: 1 },
      { files: 1, snapshots: 0 },
      { files: 0, snapshots: 1 },
    ]);
    const pruned = await pruneRig(rig, { last: 3 });
    expect([pruned.backups.length, pruned.holding]).toEqual([3, 0]);
  });

  test("verify finds what is missing and what is changed, by file, and nothing wrong with what is right", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const lost = await legacyFile(place, "/lost", "gone");
    const content = [
      legacyFolder("/d"),
      await legacyFile(place, "/d/long", long),
      lost,
      await legacyFile(place, "/ok", "ok"),
    ];
    const sorted = [...content].sort((one, other) => (String(one.path) < String(other.path) ? -1 : 1));
    await putManifest(place, "web1", { content: sorted });
    const verify = () => verified({ bucket: rig.bucket, now: rig.now, name: "web1", read: everything });
    expect(await verify()).toMatchObject({ state: "restorable", lost: 0, findings: [] });
    await lose(rig, String(lost.dat));
    const verdict = await verify();
    expect(verdict).toMatchObject({ state: "damaged", lost: 1, findings: [{ code: "missing", key: lost.dat }] });
    expect(verdict.losses.map(({ path }) => path)).toEqual(["/lost"]);
    const { exit, figures, read } = await restored(rig, "web1");
    expect([exit, figures.damaged]).toEqual([4, 1]);
    expect((await read("/d/long")).equals(long)).toBe(true);
  });
});

describe("looking after backups of s3-sysbackup", () => {
  test("a prune removes old versions with what only they need, and our own and the kept ones stay whole", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const shared = await legacyFile(place, "/shared", "shared");
    for (const text of ["first", "second"]) {
      const snapshots = [await legacySnapshot(place, "web1", text)];
      await putManifest(place, "web1", { content: [shared, await legacyFile(place, "/x", text)], snapshots });
      rig.ahead += day;
    }
    rig.ahead += 60 * day;
    const pruned = await pruneRig(rig, { last: 1 });
    expect(pruned.of("removed")).toEqual({ root: 1, content: 1, snapshot: 1 });
    expect(pruned.heard).toEqual([]);
    expect((await listed(rig)).length).toBe(1);
    const { exit, read } = await restored(rig, "web1");
    expect([exit, (await read("/x")).toString(), (await read("/shared")).toString()]).toEqual([0, "second", "shared"]);
  });

  test("a renewal extends the manifest and all that it names, by 14 days if nothing else is said", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const { key, version } = await putManifest(place, "web1", {
      content: [await legacyFile(place, "/file", "text")],
      snapshots: [await legacySnapshot(place, "web1", "dump")],
    });
    rig.ahead += 12 * day;
    const renewed = await renewRig(rig, { last: 1 });
    expect(renewed).toMatchObject({ backups: 1, objects: 3, extended: 3, damaged: 0, refused: 0 });
    expect(renewed.heard).toEqual([expect.stringContaining("info no-promise: ")]);
    const lock = await rig.bucket.retention(key, version);
    expect((lock?.until.getTime() ?? 0) - rig.now().getTime()).toBeGreaterThan(20 * day);
    expect((await renewRig(rig, { last: 1 })).extended).toBe(0);
    expect((await renewRig(rig, { last: 1 }, { days: 90 })).extended).toBe(3);
  });

  test("what verify has read of it is not stored again by an archive of one object a file", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const files = { long, noise, short: Buffer.from("short\n") };
    const content = await Promise.all(
      Object.entries(files).map(([name, bytes]) => legacyFile(place, `/${name}`, bytes)),
    );
    await putManifest({ ...place, days: 40 }, "old", { content });
    const { signal } = new AbortController();
    const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + 37 * day) } as const;
    const opened = await Notes.open({
      bucket: rig.bucket,
      retention,
      run: "9f86d081",
      now: rig.now,
      notify: () => {},
      signal,
    });
    if (opened === undefined) throw new Error("verified/ may not be read");
    using notes = opened;
    await verified({ bucket: rig.bucket, now: rig.now, name: "old", read: everything, notes });
    for (const [name, bytes] of Object.entries(files)) await rig.write(name, bytes);
    const before = (await rig.keys("content/")).length;
    const run = await rig.run({ content: { layout: "objects" } });
    expect(run.summary.objectsStored).toBe(0);
    expect((await rig.keys("content/")).length).toBe(before);
    for (const [name, bytes] of Object.entries(files))
      expect((await run.backup.read(rig.file(name))).equals(bytes)).toBe(true);
  });
});
