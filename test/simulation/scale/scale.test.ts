/** docs/scale.md against the model, and the model against real runs. */
import { describe, expect, test } from "bun:test";
import { measure, measureChunk, measureClaim } from "./measure.ts";
import { assumed, ratesOf, recorded, scaleOf } from "./model.ts";
import { pageFile, pageWithTables } from "./page.ts";

const minutes = 60_000;

test("the tables of docs/scale.md are what the model says (bun test/simulation/scale/page.ts writes them)", async () => {
  const text = await Bun.file(pageFile).text();
  expect(text).toBe(await pageWithTables(text));
});

/** Within so much of what the model says: trees of that size have few parts and pages. */
const near = (wanted: number, share: number) => (found: number) => Math.abs(found / wanted - 1) <= share;

describe("the model of docs/scale.md", async () => {
  const rates = ratesOf(await recorded());

  test(
    "the model of docs/scale.md foretells state, parts and index of a real run with 3,000 files",
    async () => {
      const files = 3_000;
      const found = await measure(files);
      const { host } = scaleOf({ name: "test", hosts: 1, files, bytes: 0 }, rates);
      expect(found.chunks).toBe(files);
      expect(found.state).toSatisfy(near(host.state, 0.25));
      expect(found.partBytes).toSatisfy(near(host.partBytes, 0.15));
      expect(found.indexBytes).toSatisfy(near(host.indexBytes, 0.15));
      expect(found.again.indexBytes).toSatisfy(near(files * assumed.changed * rates.indexBytesOfChunk, 0.6));
      expect(found.again.parts).toBeLessThanOrEqual(found.parts);
    },
    3 * minutes,
  );

  test(
    "the model of docs/scale.md foretells what chunks of a large file, and those of another host, take in the state",
    async () => {
      expect(await measureChunk()).toSatisfy(near(rates.stateOfChunk, 0.3));
      expect(await measureClaim()).toSatisfy(near(rates.stateOfClaim, 0.3));
    },
    3 * minutes,
  );

  test("the model of docs/scale.md grows in proportion: twice the files, or twice the hosts, have twice the bytes", () => {
    const fleet = { name: "test", hosts: 10, files: 1e6, bytes: 1e12 };
    const [one, wide, many] = [fleet, { ...fleet, files: 2e6, bytes: 2e12 }, { ...fleet, hosts: 20 }].map((it) =>
      scaleOf(it, rates),
    );
    if (one === undefined || wide === undefined || many === undefined) throw new Error("no scale");
    expect(wide.host.state).toBeCloseTo(2 * one.host.state, -1);
    expect(wide.fleet.partBytes / one.fleet.partBytes).toBeCloseTo(2, 1);
    expect(many.fleet.objects).toBe(2 * one.fleet.objects);
    expect(many.host).toEqual(one.host);
    // The square: each host reads what all have.
    expect(many.newHost.everyDay.fleetBytes).toBeCloseTo(4 * one.newHost.everyDay.fleetBytes, -3);
  });
});
