/** Prunes of a bucket whose server gives broken lists: none removes what a kept backup needs. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Bucket, BucketError } from "../../../core/bucket/contract.ts";
import { compareKeys } from "../../../core/bucket/order.ts";
import { type S3Page, wholeListing } from "../../../core/bucket/s3/listing.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { full } from "../../support/full.ts";
import { noise } from "../archive/noise.ts";
import { day, Rig } from "../archive/rig.ts";
import { pruneRig } from "./support.ts";

/** The last two lose items without a trace: only another list can show it. */
type ListFault = "empty" | "repeat" | "same marker" | "no marker" | "backwards" | "cut" | "drop";
type Plan = ReadonlyMap<number, ListFault>;

const pageSize = 2;

/** A bucket whose lists come in small pages, with faults at the requests of the plan, and whose removals are only noted. */
function lying(bucket: Bucket, plan: Plan): { readonly bucket: Bucket; readonly removed: Set<string> } {
  const removed = new Set<string>();
  let requests = 0;
  const paged = async function* <Item extends { readonly key: string }>(
    prefix: string,
    source: AsyncIterable<readonly Item[]>,
  ) {
    const items = (await Array.fromAsync(source)).flat();
    yield* wholeListing<Item, number>({
      prefix,
      after: undefined,
      version: (item) => ("version" in item ? String(item.version) : ""),
      textOf: String,
      refuse: (why) => new BucketError("damaged", { doing: "list", why }),
      ask: async (marker = 0) => page(items, marker, plan.get(requests++)),
    });
  };
  return {
    removed,
    bucket: wrapBucket(bucket, {
      list: (prefix, after) => paged(prefix, bucket.list(prefix, after)),
      listVersions: (prefix, after) => paged(prefix, bucket.listVersions(prefix, after)),
      remove: async (key, version) => void removed.add(`${key} ${version}`),
    }),
  };
}

function page<Item>(items: readonly Item[], from: number, fault: ListFault | undefined): S3Page<Item, number> {
  const found = items.slice(from, from + pageSize);
  const end = from + pageSize;
  const good = { items: found, truncated: end < items.length, next: end < items.length ? end : undefined };
  switch (fault) {
    case undefined:
      return good;
    case "empty":
      // The marker is another one, and the place the same.
      return { items: [], truncated: true, next: from + Number.EPSILON * (from + 1) };
    case "repeat":
      return { ...good, items: [...found, ...found] };
    case "same marker":
      return { items: [], truncated: true, next: from };
    case "no marker":
      return { ...good, truncated: true, next: undefined };
    case "backwards":
      return { ...good, items: found.toReversed() };
    case "cut":
      return { items: [], truncated: false, next: undefined };
    case "drop":
      return { ...good, items: [] };
  }
}

describe("a prune over broken lists", () => {
  let rig: Rig;
  let honest: ReadonlySet<string>;

  beforeAll(async () => {
    rig = await Rig.make();
    for (const [name, seed] of [
      ["a", 1],
      ["b", 2],
      ["a", 3],
      ["b", 4],
      ["c", 5],
      ["a", 6],
    ] as const) {
      await rig.write("file", noise(20_000, seed));
      await rig.run({ name });
      rig.ahead += day;
    }
    // Nothing is locked any more: only the manifests say what is needed.
    rig.ahead += 60 * day;
    honest = await removedWith(new Map());
  }, 60_000);
  afterAll(() => rig[Symbol.asyncDispose]());

  async function removedWith(plan: Plan): Promise<ReadonlySet<string>> {
    const { bucket, removed } = lying(rig.bucket, plan);
    await pruneRig(rig, { last: 1 }, { bucket }).catch((error: unknown) => {
      if (!(error instanceof BucketError) || error.kind !== "damaged" || plan.size === 0) throw error;
    });
    return removed;
  }

  test("a prune over broken lists removes something if nothing is broken", () => {
    expect(honest.size).toBeGreaterThan(6);
  });

  test("property: removes nothing that it would not have removed", async () => {
    const harmless = fc.constantFrom<ListFault>("empty", "repeat", "same marker", "no marker", "backwards");
    const losing = fc.constantFrom<ListFault>("cut", "drop");
    const script = fc.tuple(
      fc.array(fc.tuple(fc.nat(30), harmless), { maxLength: 3 }),
      fc.array(fc.tuple(fc.nat(30), losing), { maxLength: 1 }),
    );
    await fc.assert(
      fc.asyncProperty(script, async ([some, one]) => {
        const removed = await removedWith(new Map([...some, ...one]));
        expect([...removed].filter((version) => !honest.has(version)).toSorted(compareKeys)).toEqual([]);
      }),
      { numRuns: full ? 10_000 : 600 },
    );
  }, 300_000);
});
