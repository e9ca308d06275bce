import { describe, expect, test } from "bun:test";
import { BucketError } from "../../../core/bucket/contract.ts";
import { count, noCounts } from "../../../core/bucket/decorators/count.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { isWhole } from "../../../core/format/manifest/manifest.ts";
import { Rig } from "../../core/archive/rig.ts";
import { OpenStreams } from "../../support/faults/open-streams.ts";
import { type Backup, Fixture, file, flipped, folder, noise } from "../support.ts";
import {
  change,
  changeRecord,
  everything,
  keyOf,
  type Looking,
  lose,
  readingOnlyManifests,
  verified,
} from "./plant.ts";

const now = () => new Date("2026-11-21T03:00:00Z");

function verifiedOf({ bucket }: Fixture, more: Partial<Looking> = {}) {
  return verified({ bucket, now, name: "test", ...more });
}

const few = [folder("/"), file("/a", "a"), file("/b", "b"), file("/c", "c"), file("/d", "d")];

async function sample(fixture: Fixture): Promise<Backup> {
  return fixture.backup(few, { perPart: 3, snapshots: [await fixture.snapshot("db", "dump")] });
}

describe("verify", () => {
  test("verify finds a sound backup sound, counts what it needs, and says when the first lock ends", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const needed = [...backup.objects, ...backup.manifest.parts, ...backup.manifest.snapshots.filter(isWhole)];
    const root = (await fixture.bucket.head(backup.key))?.size ?? 0;
    const verdict = await verifiedOf(fixture, { read: everything });
    expect(verdict).toMatchObject({
      state: "restorable",
      objects: 6,
      bytes: needed.reduce((sum, { size }) => sum + size, root),
      found: { note: 0, promise: 0, damage: 0 },
      lost: 0,
      read: { objects: 3 },
      findings: [],
      losses: [],
    });
    expect(verdict.backups).toMatchObject([
      { manifest: backup.key, state: "restorable", lockedUntil: new Date("2099-01-01T00:00:00Z"), lost: 0 },
    ]);
  });

  test("a missing pack is named, with the files that need it and no others", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const [{ key, version } = { key: "", version: "" }] = backup.objects;
    await fixture.lose(key);
    const verdict = await verifiedOf(fixture);
    expect(verdict.findings).toMatchObject([{ key, version, code: "missing", severity: "damage" }]);
    expect(verdict.losses.map(({ path }) => path)).toEqual(["/a", "/b"]);
  });

  test("only files with content in the altered bytes of a pack are lost", async () => {
    await using fixture = await Fixture.open();
    const items = Array.from({ length: 8 }, (_, number) => file(`/f${number}`, noise(500)));
    const backup = await fixture.backup(items, { perFrame: 2 });
    await fixture.damage(backup.objects[0]?.key ?? "", (bytes) => flipped(bytes, 1_500));
    expect((await verifiedOf(fixture)).state).toBe("restorable");
    const verdict = await verifiedOf(fixture, { read: everything });
    expect(verdict.findings).toMatchObject([{ code: "altered" }]);
    expect(verdict.losses.map(({ path }) => path)).toEqual(["/f2"]);
  });

  test.each([
    ["the file", file("/f", [noise(900_000), noise(900_000)]), ["/f"]],
    ["the file with a hole", file("/f", noise(900_000), { holes: [[5, 1_000]] }), ["/f"]],
  ] as const)("content of a file's own object is checked extent by extent: %s", async (_, item, lost) => {
    await using fixture = await Fixture.open();
    const { objects } = await fixture.backup([item, file("/other", "other")], { encoding: "none" });
    expect((await verifiedOf(fixture, { read: everything })).state).toBe("restorable");
    await fixture.damage(objects[0]?.key ?? "", (bytes) => flipped(bytes));
    const verdict = await verifiedOf(fixture, { read: everything });
    expect(verdict.losses.map(({ path }) => path)).toEqual([...lost]);
  });

  test("an object whose record the bucket cannot read is damage, and ends nothing", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const [{ key, version } = { key: "", version: "" }] = backup.objects;
    await Bun.write(`${fixture.bucketPath}/${key}~${version}.json`, "{}");
    expect(await verifiedOf(fixture)).toMatchObject({ lost: 2, findings: [{ key, version, code: "record-damaged" }] });
  });

  test("an object of another size is named with both sizes", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const [{ key, size } = { key: "", size: 0 }] = backup.objects;
    await fixture.damage(key, (bytes) => bytes.subarray(1));
    const { findings } = await verifiedOf(fixture);
    expect(findings.map(({ why }) => why)).toEqual([`it has ${size - 1} bytes, ${size} were stored`]);
  });

  test("a later version does not stand for a missing one", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const [object] = backup.objects;
    if (object === undefined) throw new Error("an object was expected");
    const bytes = await Bun.file(`${fixture.bucketPath}/${object.key}`).bytes();
    await fixture.put(object.key, bytes);
    expect((await verifiedOf(fixture)).found).toEqual({ note: 1, promise: 0, damage: 0 });
    await fixture.lose(object.key);
    expect((await verifiedOf(fixture)).findings).toMatchObject([{ version: object.version, code: "missing" }]);
  });

  test.each([false, true])("a missing or altered snapshot is named (altered: %p)", async (altered) => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const key = backup.manifest.snapshots[0]?.key ?? "";
    await (altered ? fixture.damage(key, flipped) : fixture.lose(key));
    expect(await verifiedOf(fixture, { read: everything })).toMatchObject({
      state: "damaged",
      lost: 1,
      losses: [{ path: key, entries: 1 }],
    });
  });

  test.each([
    ["missing", "lose", "it is missing from the bucket"],
    ["altered", "damage", "it is damaged: its bytes are not those that were put"],
  ] as const)("a part that is %s is named with what it stands for", async (_, fault, why) => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const [{ key, version } = { key: "", version: "" }] = backup.manifest.parts;
    await (fault === "lose" ? fixture.lose(key) : fixture.damage(key, flipped));
    expect(await verifiedOf(fixture)).toMatchObject({
      lost: 3,
      findings: [{ key, version, code: "part-damaged", why }],
      losses: [{ path: "/", entries: 3, backups: 1 }],
    });
  });

  test("a bucket out of reach is an error, not a verdict", async () => {
    await using fixture = await Fixture.open();
    await sample(fixture);
    const head = () => Promise.reject(new BucketError("unreachable", { doing: "look up", why: "planted" }));
    const wanted = verifiedOf(fixture, { bucket: wrapBucket(fixture.bucket, { head }) });
    await expect(wanted).rejects.toMatchObject({ kind: "unreachable" });
  });

  test("an abort ends a verify", async () => {
    await using fixture = await Fixture.open();
    await sample(fixture);
    await expect(verifiedOf(fixture, { signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow("stop");
  });

  test("a verify that is aborted while it reads an object leaves no stream of the bucket open", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([file("/large", noise(3_000_000))], { encoding: "none" });
    const key = backup.objects[0]?.key ?? "";
    const stop = new AbortController();
    const streams = new OpenStreams(fixture.bucket);
    const bucket = wrapBucket(fixture.bucket, {
      get(asked, options) {
        if (asked === key) stop.abort(new Error("stop"));
        return streams.get(asked, options);
      },
    });
    await expect(verifiedOf(fixture, { bucket, read: everything, signal: stop.signal })).rejects.toThrow("stop");
    expect(streams.figures).toMatchObject({ open: 0 });
  });

  test("a promise that is over demands no lock", async () => {
    await using fixture = await Fixture.open();
    const until = "2020-01-01T00:00:00.000Z";
    const forge = (manifest: Backup["manifest"]) => ({
      ...manifest,
      header: { ...manifest.header, retain_until: until },
    });
    await fixture.backup(few, { forge });
    const later = () => new Date("2100-01-01T00:00:00Z");
    expect((await verifiedOf(fixture, { now: later })).state).toBe("restorable");
  });
});

describe("many backups", () => {
  /** Three daily backups of one name; `b` changes on the last day. */
  async function days(): Promise<Rig> {
    const rig = await Rig.make();
    await rig.write("a", "a".repeat(1_000));
    await rig.write("b", "b".repeat(1_000));
    for (const day of [1, 2, 3]) {
      if (day === 3) await rig.write("b", "changed");
      await rig.run();
      rig.ahead += 86_400_000;
    }
    return rig;
  }

  test("each object is looked at once, and each part read once, however many need it", async () => {
    await using rig = await days();
    const counts = noCounts();
    const verdict = await verified({ bucket: count(rig.bucket, counts), now: rig.now, read: everything });
    expect(verdict.backups.map(({ state }) => state)).toEqual(["restorable", "restorable", "restorable"]);
    const keys = (await rig.keys()).filter((key) => !key.startsWith("index/"));
    expect(verdict.objects).toBe(keys.length);
    expect(counts).toMatchObject({ head: keys.length + 1, get: keys.length, put: 0, extend: 0, remove: 0 });
  });

  test("a role that may not read content sees the locks, with one request more a folder, and says what it cannot see", async () => {
    await using fixture = await Fixture.open();
    const items = Array.from({ length: 40 }, (_, number) => file(`/f${number}`, noise(20)));
    const { objects } = await fixture.backup(items, {
      encoding: "zstd",
      snapshots: [await fixture.snapshot("db", "x")],
    });
    const counts = noCounts();
    const verdict = await verifiedOf(fixture, { bucket: count(readingOnlyManifests(fixture.bucket), counts) });
    expect(verdict).toMatchObject({ state: "restorable", found: { note: 0, promise: 0, damage: 0 }, findings: [] });
    expect(verdict.unseen).toEqual({ lockOnly: objects.length + 1, encodingUnknown: objects.length });
    // Refused looks at the first objects of content/, as many as are asked for at once, and at the one of snapshots/.
    expect(counts.head).toBeGreaterThan(verdict.objects);
    expect(counts.head).toBeLessThanOrEqual(verdict.objects + 16 + 2);
  });

  test("a role that may not read content still finds what is gone, of another size, or not locked as promised", async () => {
    await using rig = await Rig.make();
    for (const name of ["a", "b", "c"]) await rig.write(name, noise(70_000));
    await rig.run({ content: { layout: "objects" } });
    const [first = "", second = "", third = ""] = await rig.keys("content/");
    await lose(rig, first);
    await change(rig, second, (bytes) => bytes.subarray(1));
    await changeRecord(rig, third, (record) => {
      record.retention.until = new Date(rig.now().getTime() + 1000).toISOString();
    });
    const verdict = await verified({ bucket: readingOnlyManifests(rig.bucket), now: rig.now });
    expect(verdict.findings.map(({ code, key }) => [code, key])).toEqual([
      ["missing", first],
      ["wrong-size", second],
      ["lock-short", third],
    ]);
    expect(verdict).toMatchObject({ state: "damaged", lost: 2, unseen: { lockOnly: 1, encodingUnknown: 1 } });
  });

  test("a role that may see neither content nor locks calls nothing sound", async () => {
    await using fixture = await Fixture.open();
    const { objects } = await fixture.backup(few);
    const blind = wrapBucket(readingOnlyManifests(fixture.bucket), {
      retention: async (key) => {
        throw new BucketError("denied", { doing: "look up the lock of", what: key, why: "access denied" });
      },
    });
    const verdict = await verifiedOf(fixture, { bucket: blind });
    expect(verdict.findings.map(({ code, why }) => [code, why])).toEqual(
      objects.map(() => ["not-checked", "it cannot be read: access denied"]),
    );
    expect(verdict.state).toBe("short");
  });

  test("damage is reported once, with how many backups it costs; those that do not need the object are restorable", async () => {
    await using rig = await days();
    const newest = await verified({ bucket: rig.bucket, now: rig.now, name: "host" });
    expect(newest.backups).toHaveLength(1);
    const packs = await rig.keys("packs/");
    for (const key of packs) await lose(rig, key);
    const verdict = await verified({ bucket: rig.bucket, now: rig.now });
    expect(verdict.findings).toHaveLength(packs.length);
    expect(verdict.losses.map(({ path, backups }) => [path.slice(-1), backups])).toEqual([
      ["a", 3],
      ["b", 3],
    ]);
  });

  test("one backup with a damaged root spoils no other", async () => {
    await using rig = await days();
    await lose(rig, await keyOf(rig, "manifests/host/parts/"));
    const verdict = await verified({ bucket: rig.bucket, now: rig.now });
    expect(verdict.backups.map(({ state }) => state).toSorted()).toContain("restorable");
    expect(verdict.state).toBe("damaged");
  });

  test("few keys of a folder are listed one by one, many in one listing; both find the same", async () => {
    await using fixture = await Fixture.open();
    for (const files of [5, 250]) {
      const items = Array.from({ length: files }, (_, number) => file(`/f${number}`, noise(20)));
      const { objects } = await fixture.backup(items, { encoding: "none", name: `n${files}` });
      await fixture.lose(objects[0]?.key ?? "");
      const counts = noCounts();
      const verdict = await verifiedOf(fixture, { bucket: count(fixture.bucket, counts), name: `n${files}` });
      expect(verdict).toMatchObject({ lost: 1, findings: [{ key: objects[0]?.key, code: "missing" }] });
      // One lock is read by itself, to see whether a HEAD states the true one. The lists: roots, those of s3-sysbackup, root again, part, content. A missing object is not asked for.
      expect(counts).toMatchObject({ head: files + 2, list: files === 5 ? 4 + 5 : 5 });
    }
  });
});
