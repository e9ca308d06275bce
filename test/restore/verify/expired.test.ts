/** Backups in a bucket whose lifecycle rule removes what no lock holds. */
import { describe, expect, test } from "bun:test";
import { type Bucket, BucketError } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { day, Rig } from "../../core/archive/rig.ts";
import { keyOf, lose, verified } from "./plant.ts";

const expiring = (bucket: Bucket) => wrapBucket(bucket, { expiryDays: async () => 30 });

const name = "host";

async function backedUp(): Promise<Rig> {
  const rig = await Rig.make();
  await rig.write("a", "content of a");
  await rig.run();
  return rig;
}

/** A clock after the promise of 30 days, and before the end of the slack of 7. */
const later = (rig: Rig, days: number) => () => new Date(rig.now().getTime() + days * day);

describe("a backup whose promise is over", () => {
  test("it has expired where the bucket lets expire what no lock holds, and its losses are no damage", async () => {
    await using rig = await backedUp();
    await lose(rig, await keyOf(rig, "packs/"));
    const verdict = await verified({ bucket: expiring(rig.bucket), now: later(rig, 31), name });
    expect(verdict).toMatchObject({ state: "expired", expiryDays: 30, lost: 0, findings: [], losses: [] });
    expect(verdict.backups).toMatchObject([{ state: "expired", lockedUntil: undefined }]);
  });

  test("its losses are damage where a steward decides what stays", async () => {
    await using rig = await backedUp();
    await lose(rig, await keyOf(rig, "packs/"));
    const verdict = await verified({ bucket: rig.bucket, now: later(rig, 31), name });
    expect(verdict).toMatchObject({ state: "damaged", expiryDays: undefined });
  });

  test("its losses are damage if somebody has renewed it", async () => {
    await using rig = await backedUp();
    const root = await keyOf(rig, "manifests/host/2");
    const version = (await rig.bucket.head(root))?.version ?? "";
    await rig.bucket.extend(root, version, { mode: "GOVERNANCE", until: later(rig, 400)() });
    await lose(rig, await keyOf(rig, "packs/"));
    const verdict = await verified({ bucket: expiring(rig.bucket), now: later(rig, 31), name });
    expect(verdict).toMatchObject({ state: "damaged" });
  });

  test("one beside it that still promises is verified as ever, and decides", async () => {
    await using rig = await backedUp();
    const [first = ""] = await rig.keys("packs/");
    rig.ahead += 25 * day;
    await rig.write("a", "other content of a");
    await rig.run();
    const bucket = expiring(rig.bucket);
    const now = later(rig, 6);
    expect(await verified({ bucket, now })).toMatchObject({
      state: "restorable",
      backups: [{ state: "expired" }, { state: "restorable" }],
    });
    await lose(rig, first);
    expect(await verified({ bucket, now })).toMatchObject({ state: "restorable", lost: 0 });
    const [second = ""] = await rig.keys("packs/");
    await lose(rig, second);
    expect(await verified({ bucket, now })).toMatchObject({ state: "damaged" });
  });
});

describe("before the end of its promise", () => {
  test("what a backup lost is damage in an expiring bucket, too", async () => {
    await using rig = await backedUp();
    await lose(rig, await keyOf(rig, "packs/"));
    expect(await verified({ bucket: expiring(rig.bucket), now: rig.now, name })).toMatchObject({ state: "damaged" });
  });

  test("markers are no news where a rule puts them over everything, and a note elsewhere", async () => {
    await using rig = await backedUp();
    const hiding = wrapBucket(rig.bucket, {
      async *listVersions(prefix) {
        for await (const page of rig.bucket.listVersions(prefix))
          yield page.flatMap((listed) => [
            { ...listed, version: "marker", size: 0, deleteMarker: true },
            { ...listed, latest: false },
          ]);
      },
    });
    const elsewhere = await verified({ bucket: hiding, now: rig.now, name });
    expect(new Set(elsewhere.findings.map(({ code }) => code))).toEqual(new Set(["delete-marker"]));
    const verdict = await verified({ bucket: expiring(hiding), now: rig.now, name });
    expect(verdict).toMatchObject({ state: "restorable", findings: [] });
  });

  test("a role that may not read the rules verifies as if there were none", async () => {
    await using rig = await backedUp();
    const denied = () =>
      Promise.reject(new BucketError("denied", { doing: "read", what: "rules", why: "access denied" }));
    const bucket = wrapBucket(rig.bucket, { expiryDays: denied });
    expect(await verified({ bucket, now: rig.now, name })).toMatchObject({
      state: "restorable",
      expiryDays: undefined,
    });
  });
});
