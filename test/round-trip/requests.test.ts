/** What an unchanged daily run asks of the bucket: counted by the server, and by ourselves. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { requestsTo, type Served } from "../support/request-log.ts";
import { type CephAddress, ceph } from "../support/services.ts";
import { MiB, mixedFiles } from "./data.ts";
import { discard } from "./discard.ts";
import { archive, bucketOf, requestsOf } from "./loop.ts";
import { places, thorough } from "./places.ts";

const minutes = 60_000;
const most = 5;
/** Some 54,000 files on a Debian machine, of which so many paths are picked. */
const large = ["/usr/share", "/usr/lib/python3"];
const mostPaths = 16_000;

for (const place of places) {
  for (const layout of ["packs", "objects"]) {
    // A put for each of fifty thousand files takes minutes, and is not what is counted here.
    const whole = thorough && layout === "packs";
    const what = `${place.name}, ${layout}, ${whole ? large.join(" and ") : "a small tree"}`;
    test.skipIf(place.absent)(
      `an unchanged run makes at most ${most} requests: ${what}`,
      async () => {
        await using dir = await scratch();
        const tree = join(dir.path, "tree");
        if (!whole) await mixedFiles(tree, 4 * MiB, 160);
        // Files that were written within the clock's grain are read again by the next run.
        if (!whole) await Bun.sleep(2_000);
        const roots = whole ? large : [tree];
        const { conf } = await place.configure(dir.path, {
          sections: { content: { layout } },
          pickers: { all: `find ${roots.map((root) => `'${root}'`).join(" ")} -print0 | head -z -n ${mostPaths}` },
        });
        const first = await archive(conf, { exits: [0, 3] });
        if (whole) expect(first.files).toBeGreaterThan(10_000);
        const before = await servedTo(conf, requestsOf(first));
        const again = await archive(conf, { exits: [0, 3] });
        expect(again).toMatchObject({ files: first.files, objectsStored: 0, bytesRead: 0 });
        expect(requestsOf(again)).toBeLessThanOrEqual(most);

        const after = await servedTo(conf, (before?.length ?? 0) + requestsOf(again));
        if (before !== undefined && after !== undefined) {
          expect(before).toHaveLength(requestsOf(first));
          const { put, list, get } = again.requests;
          const reported = [...repeated("put_obj", put), ...repeated("list_bucket", list), ...repeated("get_obj", get)];
          const added = after.slice(before.length);
          expect(added.map(({ operation }) => operation).sort()).toEqual(reported.sort());
          expect(added.filter(({ http_status }) => !http_status.startsWith("2"))).toEqual([]);
        }
        await discard(conf);
      },
      10 * minutes,
    );
  }
}

const repeated = (operation: string, times: number): string[] => Array.from({ length: times }, () => operation);

/** What the gateway has logged, once it is `expected` many requests and no more are coming; undefined for a directory. */
async function servedTo(conf: string, expected: number): Promise<Served[] | undefined> {
  const bucket = await bucketOf(conf);
  await bucket.close();
  const [scheme, name = ""] = bucket.url.split("://");
  if (scheme !== "s3" || ceph === undefined) return undefined;
  return settled(name, expected, ceph);
}

async function settled(bucket: string, expected: number, service: CephAddress): Promise<Served[]> {
  const logged = async () => (await requestsTo(bucket, service)).filter(({ operation }) => !setUp.has(operation));
  while ((await logged()).length < expected) await Bun.sleep(100);
  await Bun.sleep(500);
  return logged();
}

/** How the test itself makes its bucket. */
const setUp = new Set(["create_bucket", "set_bucket_versioning"]);
