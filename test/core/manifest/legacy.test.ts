/** Backups of s3-sysbackup are read, restored, verified, pruned and renewed as ours are. */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { lstat, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { sha256 } from "../../../core/format/sha256.ts";
import { findManifest } from "../../../core/manifest/find.ts";
import { listBackups } from "../../../core/manifest/list.ts";
import { openManifest } from "../../../core/manifest/open.ts";
import type { Notice } from "../../../core/notice.ts";
import { writeTar } from "../../../restore/browse/tar.ts";
import { dryRun } from "../../../restore/dry-run.ts";
import { Report } from "../../../restore/report/report.ts";
import { exitOf, restore } from "../../../restore/restore.ts";
import { Notes } from "../../../restore/verify/notes.ts";
import { everything, lose, verified } from "../../restore/verify/plant.ts";
import { attack } from "../../support/attack.ts";
import {
  type LegacyBucket,
  type LegacyRun,
  legacyFile,
  legacyFolder,
  legacyLink,
  legacySnapshot,
  putContent,
  putManifest,
  putPieces,
  putRaw,
} from "../../support/legacy.ts";
import { day, Rig } from "../archive/rig.ts";
import { pruneRig, renewRig } from "../steward/support.ts";

const isRoot = process.getuid?.() === 0;

async function rigWith() {
  const rig = await Rig.make();
  const place: LegacyBucket = { bucket: rig.bucket, now: rig.now };
  return { rig, place, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

async function restored(rig: Rig, wanted: string, choice: "fetch" | "skip" = "skip") {
  const notices: Notice[] = [];
  const notify = (notice: Notice) => void notices.push(notice);
  const found = await findManifest(rig.bucket, wanted, { now: rig.now, notify });
  const manifest = await openManifest(rig.bucket, found, { notify });
  const target = join(rig.path, `target-${crypto.randomUUID()}`);
  const figures = await restore({
    bucket: rig.bucket,
    manifest,
    target,
    paths: [],
    numericOwner: false,
    snapshots: choice,
    ask: async () => false,
    notify,
    random: (length) => randomBytes(length),
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  const read = (path: string) => readFile(join(target, path));
  return { exit: exitOf(figures), figures, notices, target, read, manifest };
}

const listed = (rig: Rig, name?: string) => Array.fromAsync(listBackups({ bucket: rig.bucket, now: rig.now }, name));

/** Larger than what is looked at as a whole. */
const long = Buffer.from("a line that is there many times\n".repeat(200_000));
const noise = randomBytes(200_000);

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

const junk: readonly (readonly [name: string, text: string])[] = [
  ["an empty object", "{}"],
  ["a document that is cut short", '{"content": [{"typ": "d", "o": "root"'],
  ["an array", "[1, 2]"],
  ["two documents", '{"content": [], "snapshots": []} {}'],
  ["an item of two million bytes", `{"content": ["${"x".repeat(2_000_000)}"], "snapshots": []}`],
  ["a snapshot outside of its folder", '{"content": [], "snapshots": ["content/../x"]}'],
  ["ten thousand brackets", `{"content": ${"[".repeat(10_000)}`],
];

const ours = { o: "root", g: "root", uid: 0, gid: 0, mode: 438, mt: "1700000000.000000000" };

/** Items, as they stand in a manifest. */
const strange: readonly (readonly [name: string, item: string])[] = [
  ["brackets in brackets", `{"typ": "q", "path": "/m", "o": ${"[".repeat(300_000)}${"]".repeat(300_000)}}`],
  ["objects in objects", `{"typ": "f", "path": "/m", "w": ${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`],
  ["the number of an object", '{"path": "/", "object": 7, "typ": "d"}'],
  ["a device as ours are", JSON.stringify({ typ: "c", path: "/m", ...ours, rdev: [1, 3] })],
  ["a version of a thousand characters", strangeVersion("0".repeat(1_000))],
  ["a version with a space", strangeVersion("a b")],
  ["a version that is no ASCII", strangeVersion("\u00e9")],
];

function strangeVersion(ver: string): string {
  const file = { typ: "f", path: "/m", o: "root", g: "root", mode: 0o644, dat: `content/${"0".repeat(64)}`, ver };
  return JSON.stringify(file);
}

/** Puts gzip that is longer than what is looked at as a whole. */
function putGzip({ bucket, now }: LegacyBucket, content: Uint8Array, zipped: Uint8Array) {
  const retention = { mode: "GOVERNANCE", until: new Date(now().getTime() + day) } as const;
  return bucket.put(`content/${sha256(content)}`, zipped, { retention, metadata: { "storage-encoding": "gzip" } });
}

describe("junk under the keys of s3-sysbackup", () => {
  for (const [variant, text] of junk) {
    attack(
      {
        by: "W",
        what: "junk under the key of a manifest of s3-sysbackup",
        before: "prune and renew stopped, and list and `verify --all` said nothing",
        now: "it is reported as no backup, takes no backup's place, and holds nothing back",
      },
      async () => {
        await using sample = await rigWith();
        const { rig, place } = sample;
        await putManifest(place, "web1", { content: [await legacyFile(place, "/file", "good")] });
        rig.ahead += 1_000;
        await putRaw(place, "manifests/web1-backup.json", text);
        expect((await listed(rig)).map(({ state }) => state)).toEqual(["complete", "damaged"]);
        expect((await (await restored(rig, "web1")).read("/file")).toString()).toBe("good");
        expect(await pruneRig(rig, { last: 1 })).toMatchObject({ unreadable: 1, holding: 0 });
      },
      { variant },
    );
  }

  attack(
    {
      by: "W",
      what: "entries that lead out of the target, in a manifest of s3-sysbackup",
      before: "not read at all",
      now: "each is refused by name, and all others are restored",
    },
    async () => {
      await using sample = await rigWith();
      const { rig, place } = sample;
      const content = [
        await legacyFile(place, "/../../outside", "x"),
        await legacyFile(place, "relative", "x"),
        { ...(await legacyFile(place, "/pack", "x")), dat: "packs/../../x" },
        await legacyFile(place, "/good", "good"),
        { typ: "x", path: "/kind", o: "root", g: "root" },
        { o: "root" },
        legacyLink("/up", "../../.."),
        await legacyFile(place, "/up/through", "x"),
      ];
      await putManifest(place, "web1", { content });
      const { exit, figures, read, target } = await restored(rig, "web1");
      expect(exit).toBe(4);
      expect(figures.files).toBe(1);
      expect((await read("/good")).toString()).toBe("good");
      expect(await Bun.file(join(target, "../../outside")).exists()).toBe(false);
      expect(await Bun.file(join(target, "../through")).exists()).toBe(false);
    },
  );

  for (const [variant, item] of strange) {
    attack(
      {
        by: "W",
        what: "an item that s3-sysbackup never writes, in a manifest of its kind",
        before:
          "a deep one ended restore, and prune, renew and `verify --all` of all names; others cost thousands of files beside them",
        now: "it alone is refused by name, and all others are restored, verified, pruned and renewed",
      },
      async () => {
        await using sample = await rigWith();
        const { rig, place } = sample;
        const content = await Promise.all(["/a", "/z"].map((path) => legacyFile(place, path, "good")));
        const text = JSON.stringify({ content, snapshots: [] });
        await putRaw(place, "manifests/web1-backup.json", text.replace('"content":[', `"content":[${item},`));
        const { exit, figures, read } = await restored(rig, "web1");
        expect([exit, figures.files, figures.damaged]).toEqual([4, 2, 1]);
        expect((await read("/z")).toString()).toBe("good");
        expect(await pruneRig(rig, { last: 1 })).toMatchObject({ unreadable: 0, holding: 0 });
        expect(await renewRig(rig, { last: 1 })).toMatchObject({ backups: 1, refused: 0 });
        expect((await verified({ bucket: rig.bucket, now: rig.now, read: everything })).backups).toHaveLength(1);
      },
      { variant },
    );
  }

  test("gzip that says of long content that it is empty is damage, and costs no other", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const zipped = gzipSync(noise);
    zipped.writeUInt32LE(0, zipped.length - 4);
    const { key, version: ver } = await putGzip(place, noise, zipped);
    const lying = { typ: "f", path: "/lying", o: "root", g: "root", mode: 0o644, dat: key, ver };
    await putManifest(place, "web1", { content: [lying, await legacyFile(place, "/good", "good")] });
    const { exit, figures, read } = await restored(rig, "web1");
    expect([exit, figures.files, figures.damaged]).toEqual([4, 1, 1]);
    expect((await read("/good")).toString()).toBe("good");
  });

  test("twin: gzip of which the end says less than its length, as of files of 4 GiB and more, is restored", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const halves = [randomBytes(2_300_000), randomBytes(2_300_000)] as const;
    // Of two streams in a row, the end says the length of the second one.
    const { key, version: ver } = await putGzip(
      place,
      Buffer.concat(halves),
      Buffer.concat(halves.map((one) => gzipSync(one))),
    );
    const file = { typ: "f", path: "/long", o: "root", g: "root", mode: 0o644, dat: key, ver };
    await putManifest(place, "web1", { content: [file] });
    const { exit, read } = await restored(rig, "web1");
    expect(exit).toBe(0);
    expect((await read("/long")).equals(Buffer.concat(halves))).toBe(true);
  });

  test("content that is not what its key says is damage, and is not restored", async () => {
    await using sample = await rigWith();
    const { rig, place } = sample;
    const good = await putContent(place, "good");
    const until = new Date(rig.now().getTime() + day);
    const bad = await place.bucket.put(good.key, Buffer.from("evil"), { retention: { mode: "GOVERNANCE", until } });
    await putManifest(place, "web1", { content: [await legacyFile(place, "/file", "good", { ver: bad.version })] });
    const { exit, figures } = await restored(rig, "web1");
    expect([exit, figures.files, figures.damaged]).toEqual([4, 0, 1]);
  });
});
