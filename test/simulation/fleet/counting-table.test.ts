/** The table in memory answers and counts as the one of moto does. */
import { expect, test } from "bun:test";
import { newTable, opened } from "../../core/table/support.ts";
import { moto } from "../../support/services.ts";
import { type CountedTable, CountingTable } from "./counting-table.ts";

/** Returns what a table answers to everything that a fleet asks. */
async function answersOf(table: CountedTable) {
  const items = Array.from({ length: 150 }, (_, number) => ({
    key: `index/host/chunk/${number}`,
    attributes: { key: `packs/${number}`, length: number },
  }));
  await table.put(items);
  await table.put([{ key: "index/host/chunk/7", attributes: { length: 8 } }]);
  const mark = (last: string) => ({ key: "index/host/published", attributes: { last } });
  const advanced = [];
  for (const last of ["b", "a", "b", "c"]) advanced.push(await table.advance(mark(last), "last"));
  const keys = [...items.map(({ key }) => key), "index/host/chunk/7", "nothing", "index/host/published"];
  const found = await table.read(keys, ["key", "length", "last"]);
  const lengths = await table.read(["index/host/chunk/9"], ["length"]);
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    advanced,
    sorted,
    lengths: [...lengths],
    none: (await table.read([], [])).size,
    counts: { ...table.counts },
  };
}

test.skipIf(!moto)(
  "the table in memory answers and counts as a table of moto does",
  async () => {
    if (!moto) return;
    const table = opened(await newTable(moto), moto);
    const answers = await answersOf(table);
    expect(answers.advanced).toEqual([true, false, false, true]);
    expect(await answersOf(new CountingTable())).toEqual(answers);
    table.close();
  },
  60_000,
);
