/** Tables of a fleet that stop, slow or flood the machines that ask them. */
import { describe, expect, test } from "bun:test";
import { type Bucket, BucketError } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { sharedKeys } from "../../../core/format/index/shared-chunk.ts";
import { keys } from "../../../core/format/keys/keys.ts";
import { type Table, TableError, type TableValue } from "../../../core/table/contract.ts";
import { attack } from "../../support/attack.ts";
import { moto } from "../../support/services.ts";
import { dynamoServer, type OpenedTable, opened } from "../table/support.ts";
import { noise } from "./noise.ts";
import { day, type Rig } from "./rig.ts";
import { changeChunks, set, sharing } from "./shared-index-support.ts";
import { isWhole, rigWithFiles } from "./small-and-large.ts";

describe("the mark of what is published", () => {
  const marks: readonly [string, TableValue][] = [
    ["a key behind all others", "index/host/~"],
    ["an index object of the year 9999", "index/host/99991231T235959Z-0123abcd.jsonl.zst"],
    ["an index object of another machine", "index/zoo/20200101T000000Z-0123abcd.jsonl.zst"],
    ["a number", 7],
    ["bytes", new Uint8Array(300 * 1024)],
  ];
  for (const [variant, last] of marks) {
    attack(
      {
        by: "H",
        what: "the mark that says what a machine has put into the table is one that nothing comes after",
        before: "the machine put nothing more into the table, or all of it again in each run, for ever",
        now: "it counts as none: all is put again once, with a mark that is right",
      },
      async () => {
        const { rig, table } = await set();
        await using _ = rig;
        await table.put([{ key: sharedKeys.published({ name: "host" }), attributes: { last } }]);
        const first = await rig.run({ table });
        expect(first.heard).toEqual([]);
        expect((await rig.run({ ...sharing(table, "host"), name: "second" })).summary.objectsStored).toBe(0);
        await rig.write("more", noise(4_000, 3));
        const { written } = table.counts;
        await rig.run({ table });
        // The object and the chunk that are new, the parts of its frame, and the mark.
        expect(table.counts.written - written).toBeLessThanOrEqual(4);
        expect((await rig.run({ ...sharing(table, "host"), name: "third" })).summary.objectsStored).toBe(0);
      },
      { variant, skip: !moto },
    );
  }
});

/** Puts an object that is no index object under the name of the machine, as of yesterday. Returns its key. */
async function putJunk(rig: Rig, run = "0000000a"): Promise<string> {
  const until = new Date(rig.now().getTime() + 30 * day);
  const key = keys.index("host", { start: new Date(rig.now().getTime() - day), run });
  await rig.bucket.put(key, Buffer.from("junk"), { retention: { mode: "GOVERNANCE", until } });
  return key;
}

attack(
  {
    by: "H",
    what: "junk under the name of a machine in index/, before the machine puts what it stores into the table",
    before: "the machine put nothing more into the table, for ever",
    now: "it is passed over, once, with a warning",
  },
  async () => {
    const { rig, table } = await set();
    await using _ = rig;
    const key = await putJunk(rig);
    const { heard } = await rig.run({ table });
    expect(heard).toContainEqual(expect.stringContaining(`index-damaged: ${JSON.stringify(key)} is skipped`));
    expect((await rig.run({ ...sharing(table, "host"), name: "second" })).summary.objectsStored).toBe(0);
    await rig.write("more", noise(4_000, 3));
    expect((await rig.run({ table })).heard).toEqual([]);
    expect((await rig.run({ ...sharing(table, "host"), name: "third" })).summary.objectsStored).toBe(0);
  },
  { skip: !moto },
);

/** A bucket of which a role may not read these keys. */
const denying = (isDenied: (key: string) => boolean) => (bucket: Bucket) => {
  const get: Bucket["get"] = async function* (key, options) {
    if (isDenied(key)) throw new BucketError("denied", { doing: "read", what: key, why: "access denied" });
    yield* bucket.get(key, options);
  };
  return wrapBucket(bucket, { get });
};

attack(
  {
    by: "H",
    what: "an object under the name of a machine in index/ that is encrypted with another's key, so that reading it is denied",
    before: "the machine put nothing more into the table, for ever",
    now: "it is passed over, with a warning",
  },
  async () => {
    const { rig, table } = await set();
    await using _ = rig;
    const key = await putJunk(rig);
    const around = denying((one) => one === key);
    const { heard } = await rig.run({ table, around });
    expect(heard).toContainEqual(expect.stringContaining(`index-damaged: ${JSON.stringify(key)} is skipped`));
    expect(heard).not.toContainEqual(expect.stringContaining("table-not-written"));
    expect((await rig.run({ ...sharing(table, "host"), name: "second" })).summary.objectsStored).toBe(0);
    await rig.write("more", noise(4_000, 3));
    const later = await rig.run({ table, around });
    expect(later.heard).not.toContainEqual(expect.stringMatching(/table-not-written|index-damaged/));
    expect((await rig.run({ ...sharing(table, "host"), name: "third" })).summary.objectsStored).toBe(0);
  },
  { skip: !moto },
);

attack(
  {
    by: "H",
    what: "a hundred objects under the name of a machine in index/ that are encrypted with another's key",
    before: "the machine put nothing more into the table, for ever: it counted as one that may read none",
    now: "they are passed over: it may read what it has put itself",
  },
  async () => {
    const { rig, table } = await set();
    await using _ = rig;
    const junk = new Set<string>();
    for (let number = 100; number < 220; number += 1) junk.add(await putJunk(rig, `00000${number}`));
    const { heard } = await rig.run({ table, around: denying((one) => junk.has(one)) });
    expect(heard).not.toContainEqual(expect.stringContaining("table-not-written"));
    expect((await rig.run({ ...sharing(table, "host"), name: "second" })).summary.objectsStored).toBe(0);
  },
  { skip: !moto },
);

test.skipIf(!moto)("a role that may read none of its index objects puts them into the table once it may", async () => {
  const { rig, table } = await set();
  await using _ = rig;
  const around = denying((key) => key.startsWith("index/"));
  const { heard } = await rig.run({ table, around });
  expect(heard).toContainEqual(expect.stringMatching(/^warning table-not-written: .*access denied/));
  await rig.write("more", noise(4_000, 3));
  expect((await rig.run({ table })).heard).toEqual([]);
  expect((await rig.run({ ...sharing(table, "host"), name: "second" })).summary.objectsStored).toBe(0);
});

/** A table that refuses keys as DynamoDB does, which moto takes. */
function strict(table: OpenedTable, longest: { bytes: number }): OpenedTable {
  const read: Table["read"] = async (keys, attributes) => {
    const all = [...keys];
    longest.bytes = Math.max(longest.bytes, ...all.map((key) => Buffer.byteLength(key)));
    if (longest.bytes <= 2048) return table.read(all, attributes);
    const why = "Size of hashkey has exceeded the maximum size limit of 2048 bytes";
    throw new TableError("other", { doing: "read the table", what: table.name, why });
  };
  return { ...table, name: table.name, put: table.put.bind(table), advance: table.advance.bind(table), read };
}

attack(
  {
    by: "H",
    what: "items of the table name an object by so many bytes that DynamoDB refuses to look it up, under a name in share_with",
    before: "nobody was asked any more, and everything was stored",
    now: "they are as if they were not there, and others are asked",
  },
  async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await changeChunks(rig, table, (item) => ({ ...item, key: "\u{20ac}".repeat(1024) }));
    const longest = { bytes: 0 };
    const victim = await rig.run(sharing(strict(table, longest), "friend"));
    expect(victim.heard).toEqual([]);
    expect(longest.bytes).toBeGreaterThan(0);
    expect(longest.bytes).toBeLessThanOrEqual(2048);
    expect(await isWhole(rig, victim)).toBe(true);
  },
  { skip: !moto },
);

attack(
  {
    by: "S",
    what: "a table answers each question just soon enough",
    before: "a run with many new files took hours more",
    now: "once questions have taken minutes and a second each, the run goes on without it",
  },
  async () => {
    await using server = dynamoServer(() => ({ body: { Responses: {} } }));
    const table = opened("t", server);
    await using rig = await rigWithFiles();
    for (let file = 0; file < 24; file += 1) await rig.write(`more${file}`, noise(1_500_000, 10 + file));
    let late = 0;
    let questions = 0;
    const slow: Table = {
      name: table.name,
      put: (items) => table.put(items),
      advance: (...item) => table.advance(...item),
      read: async (...asked) => {
        questions += 1;
        late += 14_000;
        return table.read(...asked);
      },
    };
    const now = () => new Date(rig.now().getTime() + late);
    const run = await rig.run({ ...sharing(table), job: { now, openTable: () => slow } });
    expect(run.heard.filter((line) => /table-not-used.*seconds to answer \d+ questions/.test(line))).toHaveLength(1);
    expect(questions).toBeLessThan(20);
    expect(await isWhole(rig, run)).toBe(true);
    table.close();
  },
);
