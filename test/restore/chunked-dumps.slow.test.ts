/** Dumps that lie in chunks: read in order, verified, and hostile ones refused in bounded memory. */
import { describe, expect, test } from "bun:test";
import type { SnapshotRef } from "../../core/format/manifest/manifest.ts";
import { dumpOf } from "../../restore/dumps/dump-content.ts";
import { exitOf } from "../../restore/restore.ts";
import { attack } from "../support/attack.ts";
import { fileInSegments } from "./in-segments.ts";
import { type BackupOptions, Fixture, file, flipped, folder, type Item, noise, sha256 } from "./support.ts";
import { everything, verified } from "./verify/plant.ts";

const KiB = 1024;
const now = () => new Date("2026-11-21T03:00:00Z");

/** What a root says of a dump in chunks. */
function chunked(snapshotter: string, dump: Uint8Array, more: Partial<SnapshotRef> = {}): SnapshotRef {
  const of = { snapshotter, dump_size: dump.length, dump_sha256: sha256(dump), exit: 0 };
  return { ...of, ...more, key: undefined };
}

const entry = (name: string, chunks: readonly Uint8Array[]): Item => file(`/sysbackup-snapshots/${name}`, chunks);

async function stored(dumps: readonly Item[], snapshots: readonly SnapshotRef[], options: BackupOptions = {}) {
  const fixture = await Fixture.open();
  const backup = await fixture.backup([folder("/"), file("/x", "x")], { dumps, snapshots, ...options });
  return { fixture, backup };
}

const chunks = Array.from({ length: 300 }, (_, number) => noise(1 + ((number * 7_919) % (64 * KiB))));
const dump = Buffer.concat(chunks);

describe("a dump in chunks", () => {
  const layouts = [
    ["in one pack, of many frames", {}],
    ["in as many objects as entries", { encoding: "none" }],
    ["in frames of one chunk", { perFrame: 1 }],
  ] as const;
  test.each(layouts)("a dump in chunks is fetched as it was written: %s", async (_, options) => {
    // A whole object as one extent may have 4 MiB at most.
    const some = "encoding" in options ? chunks.slice(0, 100) : chunks;
    const content = Buffer.concat(some);
    const { fixture, backup } = await stored([entry("db", some)], [chunked("db", content)], options);
    await using _fixture = fixture;
    const figures = await fixture.restore(backup, { snapshots: "fetch" });
    expect(figures).toMatchObject({ snapshotsFetched: 1, errors: 0, damaged: 0 });
    expect(sha256(await Bun.file(fixture.at("/sysbackup-snapshots/db")).bytes())).toBe(sha256(content));
  });

  test("a dump in chunks is replayed through its command, beside one that is an object", async () => {
    await using fixture = await Fixture.open();
    const through = (name: string) => ({ restore_through: `cat > '${fixture.scratch.path}/${name}'` });
    const snapshots = [
      chunked("db", dump, through("chunks")),
      await fixture.snapshot("old", "whole", through("object")),
    ];
    const backup = await fixture.backup([folder("/")], { dumps: [entry("db", chunks)], snapshots });
    expect(await fixture.restore(backup, { snapshots: "run" })).toMatchObject({ snapshotsReplayed: 2, errors: 0 });
    expect(sha256(await Bun.file(`${fixture.scratch.path}/chunks`).bytes())).toBe(sha256(dump));
    expect(await Bun.file(`${fixture.scratch.path}/object`).text()).toBe("whole");
  });

  test("a dump in chunks may go on in segments, in several parts", async () => {
    const pieces = ["first ", "second ", "third ", "fourth"];
    const items = fileInSegments(
      "/sysbackup-snapshots/db",
      pieces.map((content) => ({ content })),
    );
    const others = [entry("da", [Buffer.from("before")]), entry("dc", [Buffer.from("behind")])];
    const content = Buffer.from(pieces.join(""));
    const { fixture, backup } = await stored([...items, ...others], [chunked("db", content)], { perPart: 2 });
    await using _fixture = fixture;
    expect(backup.manifest.dumps).toHaveLength(4);
    await fixture.restore(backup, { snapshots: "fetch" });
    expect(await fixture.read("/sysbackup-snapshots/db")).toBe(pieces.join(""));
    expect(fixture.complaints).toEqual([]);
  });

  test("an empty dump in chunks is an empty file", async () => {
    const { fixture, backup } = await stored([entry("db", [])], [chunked("db", Buffer.alloc(0))]);
    await using _fixture = fixture;
    expect(await fixture.restore(backup, { snapshots: "fetch" })).toMatchObject({ snapshotsFetched: 1, errors: 0 });
    expect(await fixture.read("/sysbackup-snapshots/db")).toBe("");
  });

  test("a dump in chunks of which one is damaged is lost by name, and its command gets no byte", async () => {
    await using fixture = await Fixture.open();
    const mark = `${fixture.scratch.path}/replayed`;
    const snapshots = [chunked("db", dump, { restore_through: `cat > '${mark}'` })];
    const backup = await fixture.backup([folder("/")], { dumps: [entry("db", chunks)], snapshots });
    const key = backup.objects[0]?.key ?? "";
    await fixture.damage(key, (bytes) => flipped(bytes, bytes.length / 2));
    const figures = await fixture.restore(backup, { snapshots: "run" });
    expect(exitOf(figures)).toBe(4);
    expect(await Bun.file(mark).exists()).toBe(false);
    expect(fixture.complaints.join()).toContain(`the stored object "${key}" is damaged`);
    const verdict = await verified({ bucket: fixture.bucket, now, name: "test", read: everything });
    expect(verdict).toMatchObject({ state: "damaged", losses: [{ path: "/sysbackup-snapshots/db" }] });
  });

  test("a dump in chunks whose part is gone is lost by name, and files are restored", async () => {
    const { fixture, backup } = await stored([entry("db", chunks)], [chunked("db", dump)]);
    await using _fixture = fixture;
    await fixture.lose(backup.manifest.dumps?.[0]?.key ?? "");
    const figures = await fixture.restore(backup, { snapshots: "fetch" });
    expect(figures).toMatchObject({ files: 1, snapshotsFetched: 0, damaged: 1 });
    expect(fixture.complaints.join()).toMatch(/cannot restore the snapshot "db": .* is missing from the bucket/);
    expect(await verified({ bucket: fixture.bucket, now, name: "test" })).toMatchObject({ state: "damaged" });
  });

  test("a dump in chunks comes in pieces that are freed as the next is asked for, as the collector notices them late", async () => {
    const snapshot = chunked("db", dump);
    const { fixture, backup } = await stored([entry("db", chunks)], [snapshot]);
    await using _fixture = fixture;
    const pieces: Uint8Array[] = [];
    for await (const piece of dumpOf(snapshot, { bucket: fixture.bucket, manifest: backup.manifest })) {
      expect(pieces.filter(({ length }) => length > 0)).toHaveLength(0);
      pieces.push(piece);
    }
    expect(pieces.length).toBeGreaterThan(1);
  });

  test("verify finds dumps in chunks sound, and counts what they need", async () => {
    const { fixture } = await stored([entry("db", chunks)], [chunked("db", dump)]);
    await using _fixture = fixture;
    const verdict = await verified({ bucket: fixture.bucket, now, name: "test", read: everything });
    // Root, part and pack of files; part and pack of dumps.
    expect(verdict).toMatchObject({ state: "restorable", objects: 5, findings: [], losses: [] });
  });
});

test("a long file with the path of a long dump is another one, for verify and for restore", async () => {
  const path = "/sysbackup-snapshots/db";
  const of = (...pieces: string[]) =>
    fileInSegments(
      path,
      pieces.map((content) => ({ content })),
    );
  await using fixture = await Fixture.open();
  const snapshots = [chunked("db", Buffer.from("dump of today"))];
  const files = [folder("/"), folder("/sysbackup-snapshots"), ...of("dump of ", "another day")];
  const backup = await fixture.backup(files, { dumps: of("dump ", "of ", "today"), snapshots });
  const verdict = await verified({ bucket: fixture.bucket, now, name: "test", read: everything });
  expect(verdict).toMatchObject({ state: "restorable", findings: [] });
  await fixture.restore(backup, { snapshots: "skip" });
  expect(await fixture.read(path)).toBe("dump of another day");
});

describe("a hostile manifest", () => {
  type Lie = readonly [variant: string, dumps: readonly Item[], snapshot: SnapshotRef, why: RegExp];
  const one = [Buffer.from("content")];
  const text = Buffer.from("content");
  const holed = file("/sysbackup-snapshots/db", one, { holes: [[7, 2 ** 50]] });
  const lies: readonly Lie[] = [
    ["it is shorter", [entry("db", one)], chunked("db", text, { dump_size: 3 }), /longer than the manifest/],
    ["it is longer", [entry("db", one)], chunked("db", text, { dump_size: 99 }), /match the digest/],
    ["another digest", [entry("db", one)], chunked("db", text, { dump_sha256: sha256("x") }), /match the d/],
    ["no entry of it", [entry("other", one)], chunked("db", text), /match the digest/],
    ["its entry is a folder", [folder("/sysbackup-snapshots/db")], chunked("db", text), /not that of a dump/],
    ["it has a hole of 1 PiB", [holed], chunked("db", text, { dump_size: 2 ** 50 + 7 }), /not that of a dump/],
    ["it has an extent of 5 MiB", [entry("db", [noise(5 * KiB * KiB)])], chunked("db", text), /too long/],
  ];
  for (const [variant, dumps, snapshot, why] of lies) {
    attack(
      {
        by: "W",
        what: "a manifest says something false of a dump that lies in chunks",
        before: "there were none",
        now: "the dump is lost by name, in bounded memory, and everything else is restored",
      },
      async () => {
        const { fixture, backup } = await stored(dumps, [snapshot]);
        await using _fixture = fixture;
        const figures = await fixture.restore(backup, { snapshots: "fetch" });
        expect(figures).toMatchObject({ files: 1, snapshotsFetched: 0, damaged: 1 });
        expect(fixture.complaints).toEqual([expect.stringMatching(why)]);
        expect(await fixture.names("/sysbackup-snapshots")).toEqual([]);
      },
      { variant },
    );
  }

  test("an extent of a dump beyond its object is refused", async () => {
    const beyond: Item = {
      ...entry("db", one),
      forge: (extents) => extents.map((extent) => ({ ...extent, frameLength: 2 ** 40 })),
    };
    const { fixture, backup } = await stored([beyond], [chunked("db", text)]);
    await using _fixture = fixture;
    expect(await fixture.restore(backup, { snapshots: "fetch" })).toMatchObject({ snapshotsFetched: 0, damaged: 1 });
  });

  test("a dump of very many extents of one frame takes little memory", async () => {
    const block = Buffer.alloc(64 * KiB, "a");
    const many: Item = {
      ...entry("db", [block]),
      forge: ([extent]) =>
        extent === undefined ? [] : Array.from({ length: 100_000 }, () => ({ ...extent, length: 1 })),
      forgeLine: (line) => line.replace(/"size":\d+/, '"size":100000').replaceAll(sha256(block), sha256("a")),
    };
    const { fixture, backup } = await stored([many], [chunked("db", Buffer.alloc(100_000, "a"))]);
    await using _fixture = fixture;
    const before = process.memoryUsage().rss;
    expect(await fixture.restore(backup, { snapshots: "fetch" })).toMatchObject({ snapshotsFetched: 1, errors: 0 });
    expect(process.memoryUsage().rss - before).toBeLessThan(192 * KiB * KiB);
  });
});
