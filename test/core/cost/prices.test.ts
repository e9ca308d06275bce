import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { builtInPrices, parsePrices } from "../../../core/cost/prices.ts";

const file = join(import.meta.dir, "../../../core/cost/prices.yaml");

describe("price tables", () => {
  test("the built-in price table has the classes of AWS, with date and source", () => {
    const { classes, as_of, source, egress } = builtInPrices();
    expect(classes.map(({ name }) => name)).toEqual(["S3 Standard", "S3 Standard-IA", "S3 Glacier Instant Retrieval"]);
    expect(classes[0]).toMatchObject({ put: 5_000_000n, get: 400_000n, list: 5_000_000n, storage: 23_000_000n });
    expect([as_of, source, egress]).toEqual(["2026-11-21", "https://aws.amazon.com/s3/pricing/", 90_000_000n]);
  });

  test("a price table in a file is read like the built-in one", async () => {
    expect(parsePrices(await readFile(file, "utf8"), file)).toEqual(builtInPrices());
  });

  const changed = async (from: string, to: string) => {
    const text = await readFile(file, "utf8");
    expect(text).toContain(from);
    return parsePrices(text.replace(from, to), "mine.yaml");
  };

  test("prices may be written as numbers", async () => {
    expect((await changed('put: "0.005"', "put: 0.0055")).classes[0].put).toBe(5_500_000n);
  });

  test.each([
    ["a negative price", 'put: "0.005"', "put: -1", "classes.0.put: -1 is not a price"],
    ["a price that is a word", 'put: "0.005"', "put: free", 'classes.0.put: "free" is not a price'],
    ["a misspelled key", "egress:", "exgress:", "egress"],
    ["no date", "as_of: 2026-11-21", "as_of: lately", "as_of"],
    ["another GB", "1073741824", "1024", "bytes_per_gb"],
    ["no YAML", "classes:", "classes: [", "it is not YAML"],
  ])("%s is refused by name", async (_, from, to, message) => {
    const refusal = changed(from, to);
    await expect(refusal).rejects.toThrow('cannot use the prices in "mine.yaml": ');
    await expect(refusal).rejects.toThrow(message);
    await expect(refusal).rejects.toMatchObject({ exit: 2 });
  });
});
