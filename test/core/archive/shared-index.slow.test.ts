/** Machines that look up in a table of DynamoDB what others have stored. */
import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { publish } from "../../../core/archive/shared-index/publish.ts";
import { type ChunkSource, prefixOfSource, sharedKeys } from "../../../core/format/index/shared-chunk.ts";
import { sha256 } from "../../../core/format/sha256.ts";
import type { Table, TableAttributes, TableItem } from "../../../core/table/contract.ts";
import { Notes } from "../../../restore/verify/notes.ts";
import { verified } from "../../restore/verify/plant.ts";
import { attack } from "../../support/attack.ts";
import { moto } from "../../support/services.ts";
import { dynamoServer, type OpenedTable, opened, refusal } from "../table/support.ts";
import { noise } from "./noise.ts";
import { day, type Rig } from "./rig.ts";
import { changeChunks, set, sharing } from "./shared-index-support.ts";
import { isWhole, rigWithFiles, small } from "./small-and-large.ts";

/** Reads what nobody has read, notes it under verified/, and puts that into the table. */
async function readNew({ bucket, now }: Rig, table: OpenedTable): Promise<void> {
  const retention = { mode: "GOVERNANCE", until: new Date(now().getTime() + 37 * day) } as const;
  const { signal } = new AbortController();
  {
    using notes = await Notes.open({ bucket, retention, run: "9f86d081", now, notify: () => {}, signal });
    if (notes === undefined) throw new Error("verified/ may not be read");
    await verified({ bucket, now, read: notes.lacks.bind(notes), notes });
  }
  await publish({ bucket, table, source: "verified", now: now(), notify: () => {}, signal });
}

for (const layout of ["packs", "objects"] as const) {
  describe.skipIf(!moto)(`a table of moto, layout ${layout}`, () => {
    test("what a named machine has stored is found in the table, and no index object of it is read", async () => {
      const { rig, table } = await set();
      await using _ = rig;
      await rig.run({ name: "friend", table, content: { layout } });
      const second = await rig.run({ table, content: { layout, shareWith: ["friend"] } });
      expect(second.heard).toEqual([]);
      expect(second.summary).toMatchObject({ new: 2, objectsStored: 0, bytesStored: 0 });
      expect(second.counts.get).toBe(0);
      expect(await isWhole(rig, second)).toBe(true);
      const third = await rig.run({ table, content: { layout, shareWith: ["friend"] } });
      expect(third.summary).toMatchObject({ unchanged: 2, objectsStored: 0 });
    });

    test("what a reader has read is found in the table by every machine", async () => {
      const { rig, table } = await set();
      await using _ = rig;
      await rig.run({ name: "friend", table, content: { layout } });
      await readNew(rig, table);
      const second = await rig.run({ table, content: { layout } });
      expect(second.heard).toEqual([]);
      expect(second.summary).toMatchObject({ new: 2, objectsStored: 0 });
      expect(await isWhole(rig, second)).toBe(true);
      const alone = await rig.run({ name: "third", table, content: { layout, believeVerified: false } });
      expect(alone.summary.objectsStored).toBeGreaterThan(0);
    });
  });
}

describe.skipIf(!moto)("a table of moto", () => {
  test("only what is new is stored, beside chunks of the same frame that others have stored", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await rig.run({ name: "friend", table });
    for (let file = 0; file < 20; file += 1) await rig.write(`mine${file}`, noise(3_000, 100 + file));
    const second = await rig.run(sharing(table, "friend"));
    expect(second.summary).toMatchObject({ new: 22, objectsStored: 1 });
    expect(second.summary.bytesStored).toBeLessThan(100_000);
    expect(await isWhole(rig, second)).toBe(true);
    for (let file = 0; file < 20; file += 1)
      expect((await second.backup.read(rig.file(`mine${file}`)))?.equals(noise(3_000, 100 + file))).toBe(true);
  });

  test("a run without anything new asks the table for nothing", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await rig.run(sharing(table, "friend"));
    Object.assign(table.counts, { requests: 0, read: 0, written: 0 });
    await rig.run(sharing(table, "friend"));
    expect(table.counts).toEqual({ requests: 0, read: 0, written: 0 });
  });

  test("a table that is new gets what is stored already", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await rig.run({ name: "friend" });
    await rig.run({ name: "friend", table });
    expect((await rig.run(sharing(table, "friend"))).summary.objectsStored).toBe(0);
  });

  test("after the loss of the state, nothing is put again", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await rig.run({ table });
    await rm(join(rig.path, "state"), { recursive: true });
    const { written } = table.counts;
    const again = await rig.run({ table });
    expect(again.summary.objectsStored).toBe(0);
    expect(table.counts.written - written).toBeLessThan(4);
  });

  test("a lock that was extended makes an old pack useful again", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await rig.run({ name: "friend", table });
    rig.ahead += 25 * day;
    await rig.run({ name: "friend", table });
    rig.ahead += 10 * day;
    expect((await rig.run(sharing(table, "friend"))).summary.objectsStored).toBe(0);
  });

  test("what is no longer locked is stored again", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await rig.run({ name: "friend", table });
    rig.ahead += 40 * day;
    const second = await rig.run(sharing(table, "friend"));
    expect(second.summary.objectsStored).toBe(1);
    expect(second.heard).toEqual([]);
  });

  test("with share_with = *, index objects of all are read, as without a table", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await rig.run({ name: "friend" });
    const second = await rig.run(sharing(table, "*"));
    expect(second.summary.objectsStored).toBe(0);
    expect(second.counts.get).toBeGreaterThan(0);
  });

  attack(
    {
      by: "H",
      what: "the table claims under a machine's own name that all files of another one are stored",
      before: "there was no table",
      now: "nobody asks for what is under that name, and everything is stored",
    },
    async () => {
      const { rig, table } = await set();
      await using _ = rig;
      await claim(rig, table, { name: "liar" });
      const victim = await rig.run(sharing(table, "friend"));
      expect(victim.summary.objectsStored).toBe(1);
      expect(victim.heard).toEqual([]);
      expect(await isWhole(rig, victim)).toBe(true);
    },
    { skip: !moto },
  );

  attack(
    {
      by: "H",
      what: "the table claims that files are stored, under a name in share_with or under verified/",
      before: "there was no table",
      now: "existence, size and lock are looked up, and what is not there is stored",
    },
    async () => {
      for (const source of [{ name: "liar" }, "verified"] as const) {
        const { rig, table } = await set();
        await using _ = rig;
        await claim(rig, table, source);
        const victim = await rig.run(sharing(table, "liar"));
        expect(victim.heard).toEqual([expect.stringMatching(/^warning claim-untrue: 1 objects that others claim/)]);
        expect(await isWhole(rig, victim)).toBe(true);
        const again = await rig.run(sharing(table, "liar"));
        expect(again.heard).toEqual([]);
      }
    },
    { skip: !moto },
  );

  const hostile: readonly [string, (item: TableAttributes) => TableAttributes][] = [
    ["a frame beyond its pack", (item) => ({ ...item, frame_offset: 1e12 })],
    ["a frame of no bytes", (item) => ({ ...item, frame_length: 0 })],
    ["a negative offset", (item) => ({ ...item, offset: -1 })],
    ["a chunk of 8 PiB", (item) => ({ ...item, length: Number.MAX_SAFE_INTEGER })],
    ["an offset of 8 PiB", (item) => ({ ...item, offset: Number.MAX_SAFE_INTEGER - 1 })],
    ["numbers as texts", (item) => ({ ...item, frame_offset: "0" })],
    ["the key of a manifest", (item) => ({ ...item, key: "manifests/friend/20261121T020003Z-0123abcd.jsonl.zst" })],
    ["a key of 2 KiB", (item) => ({ ...item, key: "k".repeat(2048) })],
    ["a version with a line break", (item) => ({ ...item, version: "1\n2" })],
    ["bytes for a key", (item) => ({ ...item, key: new Uint8Array(64) })],
    ["nothing but its key", () => ({})],
  ];
  for (const [variant, lie] of hostile) {
    attack(
      {
        by: "H",
        what: "an item of the table has a place, a key or a type that no item of ours has, under a name in share_with",
        before: "there was no table",
        now: "it is as if it were not there, and its content is stored",
      },
      async () => {
        const { rig, table } = await set();
        await using _ = rig;
        expect(await changeChunks(rig, table, lie)).toBeGreaterThan(1);
        const victim = await rig.run(sharing(table, "friend"));
        expect(victim.summary.objectsStored).toBe(1);
        expect(victim.heard).toEqual([]);
        expect(await isWhole(rig, victim)).toBe(true);
        expect((await rig.run(sharing(table, "friend"))).summary).toMatchObject({ unchanged: 2 });
      },
      { variant, skip: !moto },
    );
  }

  test("an item of the table that has more than ours have is as good as without", async () => {
    const { rig, table } = await set();
    await using _ = rig;
    await changeChunks(rig, table, (item) => ({ ...item, more: "x".repeat(300 * 1024) }));
    const second = await rig.run(sharing(table, "friend"));
    expect(second.summary.objectsStored).toBe(0);
    expect(await isWhole(rig, second)).toBe(true);
  });

  const objects: readonly [string, (item: TableAttributes) => TableAttributes][] = [
    ["another size", (item) => ({ ...item, size: 7_000_000 })],
    ["an encoding that is none", (item) => ({ ...item, encoding: "rot13" })],
    ["a lock of a thousand years", (item) => ({ ...item, retain_until: "3026-01-01T00:00:00.000Z" })],
    ["a lock that is no time", (item) => ({ ...item, retain_until: "soon" })],
    ["an encoding of content", (item) => ({ ...item, encoding: "gzip" })],
  ];
  for (const [variant, lie] of objects) {
    attack(
      {
        by: "H",
        what: "an item of the table lies about the size, the encoding or the lock of a pack, under a name in share_with",
        before: "there was no table",
        now: "the pack is looked up, and its content stored again if it is not as claimed",
      },
      async () => {
        const { rig, table } = await set();
        await using _ = rig;
        const friend = await rig.run({ name: "friend", table, content: { daysRetained: 10 } });
        for (const { key, version } of friend.backup.objectsOf(rig.file("large"))) {
          const at = sharedKeys.object({ name: "friend" }, { key, version });
          const item = (await table.read([at], ["size", "encoding", "retain_until"])).get(at);
          if (item === undefined) throw new Error("the pack has no item");
          await table.put([{ key: at, attributes: lie(item) }]);
        }
        rig.ahead += 5 * day;
        const victim = await rig.run(sharing(table, "friend"));
        expect(await isWhole(rig, victim)).toBe(true);
        const promised = new Date(victim.backup.manifest.header.retain_until);
        expect((await victim.backup.lockedUntil()).getTime()).toBeGreaterThanOrEqual(promised.getTime());
        for (const { key, version, size } of victim.backup.objectsOf(rig.file("large")))
          expect((await rig.bucket.head(key, version))?.size).toBe(size);
      },
      { variant, skip: !moto },
    );
  }
});

/** A table that goes on in `into`, under another source. */
function moved(into: Table, source: ChunkSource): Table {
  const rename = ({ key, attributes }: TableItem) => ({
    key: key.replace("index/liar/", prefixOfSource(source)),
    attributes,
  });
  return {
    name: into.name,
    read: async () => new Map(),
    put: (items) => into.put([...items].map(rename)),
    advance: async () => true,
  };
}

/** Puts items for the same files as they lie in another bucket: right, but for the bucket. */
async function claim(rig: Rig, table: OpenedTable, source: ChunkSource): Promise<void> {
  await using other = await rigWithFiles();
  await other.run({ name: "liar" });
  const { signal } = new AbortController();
  const into = moved(table, source);
  await publish({
    bucket: other.bucket,
    source: { name: "liar" },
    now: rig.now(),
    notify: () => {},
    signal,
    table: into,
  });
  expect(table.counts.written).toBeGreaterThan(2);
}

const failures = [
  ["gone", refusal("ResourceNotFoundException", "gone")],
  ["throttled", refusal("ThrottlingException", "slow")],
  ["denied", refusal("AccessDeniedException", "no")],
  ["out of order", refusal("InternalServerError", "oops", 500)],
  ["a web page", { body: "<html></html>" }],
  ["vast", { body: { Responses: { t: [{ s3_key: { S: "x".repeat(5 << 20) } }] } } }],
] as const;
for (const [name, answer] of failures) {
  test(`a table that is ${name} costs one warning, and the machine stores everything itself`, async () => {
    await using server = dynamoServer(() => answer);
    const table = opened("t", server);
    await using rig = await rigWithFiles();
    const run = await rig.run(sharing(table));
    expect(run.heard.filter((line) => line.includes("table-not-used"))).toHaveLength(1);
    expect(run.heard[0]).toMatch(/^warning table-not-used: cannot read the table "t": .*; this run goes on without it/);
    expect(run.summary).toMatchObject({ new: 2, objectsStored: 1 });
    expect(await isWhole(rig, run)).toBe(true);
    table.close();
  });
}

attack(
  {
    by: "H",
    what: "items of the table are so large that no answer may hold them, under a name in share_with",
    before: "there was no table",
    now: "nothing more is asked under that name, others are, and what is not found is stored",
  },
  async () => {
    const asked: string[] = [];
    await using server = dynamoServer(({ action, body }) => {
      const text = JSON.stringify(body);
      if (action !== "BatchGetItem") return { body: {} };
      asked.push(text);
      const isOfLiar = text.includes("index/liar/");
      return { body: { Responses: { t: isOfLiar ? [{ s3_key: { S: "x".repeat(5 << 20) } }] : [] } } };
    });
    const table = opened("t", server);
    await using rig = await rigWithFiles();
    for (let file = 0; file < 4; file += 1) await rig.write(`more${file}`, noise(2_000_000, 10 + file));
    const run = await rig.run(sharing(table, "liar", "friend"));
    expect(run.heard).toEqual([expect.stringContaining('without it, of what is under "index/liar/"')]);
    expect(await isWhole(rig, run)).toBe(true);
    expect(asked.some((text) => text.includes("index/friend/chunk/"))).toBe(true);
    expect(asked.filter((text) => text.includes("index/liar/")).length).toBeLessThanOrEqual(3);
    table.close();
  },
);

test("what a table did not take is put by the next run that has something new", async () => {
  let works = false;
  const put: string[] = [];
  await using server = dynamoServer(({ action, body }) => {
    if (action !== "PutItem") return { body: { Responses: {} } };
    if (!works) return refusal("AccessDeniedException", "no");
    put.push(JSON.stringify(body));
    return { body: {} };
  });
  const table = opened("t", server);
  await using rig = await rigWithFiles();
  const first = await rig.run(sharing(table));
  expect(first.heard).toEqual([expect.stringMatching(/^warning table-not-written: .*is put there by a later run/)]);
  expect(put).toEqual([]);
  works = true;
  expect((await rig.run(sharing(table))).heard).toEqual([]);
  expect(put.some((item) => item.includes(sharedKeys.chunk({ name: "host" }, sha256(small))))).toBe(true);
  table.close();
});
