/** Versions laid over a root, and versions that no server gives. */
import { describe, expect, test } from "bun:test";
import { count, noCounts } from "../../../core/bucket/decorators/count.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { listKeys } from "../../../core/steward/versions.ts";
import { attack } from "../../support/attack.ts";
import { day } from "../archive/rig.ts";
import { expectPruned, forged, keyAt, oldAndNew } from "./forgery.ts";
import { pruneRig } from "./support.ts";

describe("versions laid over a root", () => {
  attack(
    {
      by: "W",
      what: "thousands of versions under the key of junk, before `prune`",
      before: "each was read, and the locks of all asked for at once",
      now: "the oldest hundred are looked at, eight at a time",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig, put } = sample;
      const key = keyAt(rig);
      for (let count = 0; count < 300; count += 1) await put(key, "junk");
      const counts = noCounts();
      await expectPruned(sample, await pruneRig(rig, { last: 1 }, { bucket: count(rig.bucket, counts) }));
      // Junk is read twice, as bytes may change on the way.
      expect(counts.get).toBeLessThan(2 * 100 + 20);
      rig.ahead += 40 * day;
      await rig.run();
      let most = 0;
      let now = 0;
      const retention: typeof rig.bucket.retention = async (...args) => {
        now += 1;
        most = Math.max(most, now);
        return rig.bucket.retention(...args).finally(() => {
          now -= 1;
        });
      };
      await pruneRig(rig, { last: 1 }, { bucket: wrapBucket(rig.bucket, { retention }) });
      expect(most).toBeLessThanOrEqual(64);
    },
  );
});

describe("versions that no server gives", () => {
  attack(
    {
      by: "H",
      what: "a root that names a part in a version of a thousand characters, before `prune`",
      before: "a server answered with an error of its own, as if it were down: prune, renew and verify --all ended",
      now: "it is junk, and all else goes on",
    },
    async () => {
      await using sample = await oldAndNew();
      const { key } = await forged(sample, "thief", (plain) => {
        return { ...plain, parts: plain.parts.map((part) => ({ ...part, version: "v".repeat(1_000) })) };
      });
      const pruned = await pruneRig(sample.rig, { last: 1 });
      await expectPruned(sample, pruned);
      expect(pruned.heard).toEqual([expect.stringContaining(`warning not-a-backup: "${key}"`)]);
    },
  );
});

test("a key with very many delete markers keeps 10,000 of them, and all of its versions", async () => {
  const listed = (number: number, deleteMarker: boolean) =>
    ({
      key: "packs/a",
      version: String(number),
      size: 0,
      stored: new Date(0),
      latest: number === 0,
      deleteMarker,
    }) as const;
  async function* listVersions() {
    for (let page = 0; page < 12; page += 1)
      yield Array.from({ length: 1_000 }, (_, at) => listed(page * 1_000 + at, true));
    yield [listed(12_000, false)];
  }
  const [found, ...others] = (await Array.fromAsync(listKeys({ listVersions }, "packs/"))).flat();
  expect(others).toEqual([]);
  expect(found).toMatchObject({ key: "packs/a", hidden: true, versions: [{ version: "12000" }] });
  expect(found?.markers).toHaveLength(10_000);
});
