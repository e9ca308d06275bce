import { describe, expect, test } from "bun:test";
import { BucketError } from "../../core/bucket/contract.ts";
import { count, noCounts } from "../../core/bucket/count.ts";
import { Needs } from "../../core/manifests/needs.ts";
import { type Verdict, verify } from "../../restore/verify.ts";
import { type Backup, Fixture, file, flipped, folder, noise } from "./support.ts";

const signal = new AbortController().signal;

function verified(fixture: Fixture, { manifest }: Backup): Promise<Verdict> {
  return verify({ bucket: fixture.bucket, manifest, onProgress: () => {}, signal });
}

const few = [folder("/"), file("/a", "a"), file("/b", "b"), file("/c", "c"), file("/d", "d")];

async function sample(fixture: Fixture): Promise<Backup> {
  return fixture.backup(few, { perPart: 3, snapshots: [await fixture.snapshot("db", "dump")] });
}

describe("verify", () => {
  test("finds a sound backup sound, and counts what it needs", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const needed = [...backup.objects, ...backup.manifest.parts, ...backup.manifest.snapshots];
    expect(await verified(fixture, backup)).toEqual({
      objects: 5,
      bytes: needed.reduce((sum, { size }) => sum + size, 0),
      damagedObjects: 0,
      lost: 0,
      faults: [],
      paths: [],
      unnamed: 0,
    });
  });

  test("a missing pack is named, with the files that need it", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const [{ key, version } = { key: "", version: "" }] = backup.objects;
    await fixture.lose(key);
    expect(await verified(fixture, backup)).toMatchObject({
      damagedObjects: 1,
      lost: 2,
      faults: [{ key, version, why: "it is missing" }],
      paths: ["/a", "/b"],
    });
  });

  test("an object whose record the bucket cannot read is damage, and ends nothing", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const [{ key, version } = { key: "", version: "" }] = backup.objects;
    await Bun.write(`${fixture.bucketPath}/${key}~${version}.json`, "{}");
    expect(await verified(fixture, backup)).toMatchObject({
      damagedObjects: 1,
      lost: 2,
      faults: [{ key, version, why: "its record in the bucket is damaged" }],
    });
  });

  test("another size is named with both", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const [{ key, size } = { key: "", size: 0 }] = backup.objects;
    await fixture.damage(key, (bytes) => bytes.subarray(1));
    const { faults } = await verified(fixture, backup);
    expect(faults.map(({ why }) => why)).toEqual([`it has ${size - 1} bytes, ${size} were stored`]);
  });

  test("a later version in the place of a missing one does not do", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const [object] = backup.objects;
    if (object === undefined) throw new Error("an object was expected");
    const bytes = await Bun.file(`${fixture.bucketPath}/${object.key}`).bytes();
    await fixture.put(object.key, bytes);
    expect((await verified(fixture, backup)).damagedObjects).toBe(0);
    await fixture.lose(object.key);
    expect((await verified(fixture, backup)).faults).toMatchObject([{ version: object.version, why: "it is missing" }]);
  });

  test("a missing snapshot is named", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    await fixture.lose(backup.manifest.snapshots[0]?.key ?? "");
    expect(await verified(fixture, backup)).toMatchObject({ damagedObjects: 1, lost: 1, paths: ["snapshot db"] });
  });

  test.each([
    ["missing", "lose", "is missing from the bucket"],
    ["altered", "damage", "is damaged: its content does not match the digest that the manifest has of it"],
  ] as const)("a part that is %s is named with what it stands for", async (_, fault, why) => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const [{ key, version } = { key: "", version: "" }] = backup.manifest.parts;
    await (fault === "lose" ? fixture.lose(key) : fixture.damage(key, flipped));
    expect(await verified(fixture, backup)).toMatchObject({
      damagedObjects: 1,
      lost: 3,
      faults: [{ key, version, why: `it ${why}` }],
      paths: ["/ and the 2 entries after it"],
    });
  });

  test("many faults are counted, and the first twenty named", async () => {
    await using fixture = await Fixture.open();
    const items = Array.from({ length: 30 }, (_, number) => file(`/f${number + 10}`, `content ${number}`));
    const backup = await fixture.backup(items, { encoding: "none" });
    for (const { key } of backup.objects) await fixture.lose(key);
    const verdict = await verified(fixture, backup);
    expect([verdict.damagedObjects, verdict.lost]).toEqual([30, 30]);
    expect([verdict.faults.length, verdict.paths.length]).toEqual([20, 20]);
    expect(verdict.paths[0]).toBe("/f10");
  });

  test("few objects are asked for one by one, many are listed; both find the same", async () => {
    await using fixture = await Fixture.open();
    const items = Array.from({ length: 250 }, (_, number) => file(`/f${number}`, noise(20)));
    const backup = await fixture.backup(items, { encoding: "none" });
    const [lost] = backup.objects;
    await fixture.lose(lost?.key ?? "");
    const counts = noCounts();
    const bucket = count(fixture.bucket, counts);
    const verdict = await verify({ bucket, manifest: backup.manifest, onProgress: () => {}, signal });
    expect(verdict).toMatchObject({ damagedObjects: 1, lost: 1, faults: [{ key: lost?.key }] });
    expect(counts).toMatchObject({ head: 0, list: 1 });

    const small = await sample(fixture);
    const more = noCounts();
    await verify({ bucket: count(fixture.bucket, more), manifest: small.manifest, onProgress: () => {}, signal });
    expect(more).toMatchObject({ head: 3, list: 0 });
  });

  test("a bucket out of reach is an error, not a verdict", async () => {
    await using fixture = await Fixture.open();
    const backup = await sample(fixture);
    const head = () => Promise.reject(new BucketError("unreachable", { doing: "look up", why: "planted" }));
    const get = fixture.bucket.get.bind(fixture.bucket);
    const bucket = { get, head, listVersions: fixture.bucket.listVersions.bind(fixture.bucket) };
    const wanted = verify({ bucket, manifest: backup.manifest, onProgress: () => {}, signal });
    await expect(wanted).rejects.toMatchObject({ kind: "unreachable" });
  });

  test("an abort ends it", async () => {
    await using fixture = await Fixture.open();
    const { manifest } = await sample(fixture);
    const aborted = AbortSignal.abort(new Error("stop"));
    const wanted = verify({ bucket: fixture.bucket, manifest, onProgress: () => {}, signal: aborted });
    await expect(wanted).rejects.toThrow("stop");
  });
});

describe("needs", () => {
  test("objects count once, however often they are needed, and go by folder", () => {
    using needs = new Needs();
    const one = { key: "packs/a", version: "1", size: 5 };
    needs.add([one, one, { ...one, version: "2" }, { key: "snapshots/web/x", version: "1", size: 7 }]);
    expect(needs.totals()).toEqual({ objects: 3, bytes: 17 });
    expect(needs.folders()).toEqual([
      { folder: "packs/", objects: 2 },
      { folder: "snapshots/web/", objects: 1 },
    ]);
    expect([...needs.in("packs/")].map(({ version }) => version)).toEqual(["1", "2"]);
  });

  test("what is found in the right size is no fault", () => {
    using needs = new Needs();
    needs.add(["a", "b", "c"].map((key) => ({ key, version: "1", size: 5 })));
    needs.found([
      { key: "a", version: "1", size: 5 },
      { key: "b", version: "1", size: 4 },
      { key: "other", version: "1", size: 5 },
    ]);
    expect(needs.faults(10)).toEqual([
      { key: "b", version: "1", size: 5, found: 4 },
      { key: "c", version: "1", size: 5, found: null },
    ]);
    expect([needs.isFault("a", "1"), needs.isFault("c", "1"), needs.countFaults()]).toEqual([false, true, 2]);
  });
});
