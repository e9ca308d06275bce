import { describe, expect, test } from "bun:test";
import { writeIndexObjects } from "../../../../../core/archive/state/index/index-write.ts";
import { ChunkTable } from "../../../../../core/archive/state/tables/chunks.ts";
import { ObjectTable } from "../../../../../core/archive/state/tables/objects.ts";
import { BucketError } from "../../../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../../../core/bucket/wrap.ts";
import type { WriteTarget } from "../../../../../core/stored/write.ts";
import { sha256 } from "../../backup.ts";
import { Machine, packKey, retention, start, until } from "../machine.ts";

const targetOf = (bucket: WriteTarget["bucket"]): WriteTarget => ({ bucket, retention, filters: [] });

describe("writing the index", () => {
  async function write(machine: Machine, now = start): Promise<string[]> {
    const before = await list(machine);
    const { bucket, database } = machine;
    await writeIndexObjects({ target: targetOf(bucket), database, name: "host", run: "0123abcd", now: () => now });
    return (await list(machine)).filter((key) => !before.includes(key));
  }

  async function list({ bucket }: Machine): Promise<string[]> {
    return (await Array.fromAsync(bucket.list("index/"))).flat().map(({ key }) => key);
  }

  /** Stores in the database alone: an object with one frame of these chunks. */
  function store({ database }: Machine, key: string, texts: readonly string[]): number {
    const object = new ObjectTable(database).add(
      { key: packKey(key), version: `v-${key}`, size: 10_000, encoding: "frames" },
      until,
      false,
    );
    const chunks = new ChunkTable(database);
    let offset = 0;
    for (const text of texts) {
      const id = Buffer.from(sha256(Buffer.from(text)), "hex");
      chunks.set(id, { object, frameOffset: 0, frameLength: 100, offset, length: text.length });
      offset += text.length;
    }
    return object;
  }

  test("writing the index puts nothing if there is nothing to write", async () => {
    await using machine = await Machine.make();
    expect(await write(machine)).toEqual([]);
  });

  test("writing the index records each object and extension once, for others and for this host", async () => {
    await using machine = await Machine.make();
    await using other = await Machine.make();
    Object.defineProperty(other, "bucket", { value: machine.bucket });
    const object = store(machine, "packs/a", ["one", "three"]);
    expect(await write(machine)).toEqual(["index/host/20261121T020003Z-0123abcd.jsonl.zst"]);
    expect(await write(machine)).toEqual([]);
    await other.sync();
    expect([other.place("one"), other.place("three")]).toEqual(["packs/a at 0+0", "packs/a at 0+3"]);
    new ObjectTable(machine.database).extended(object, new Date("2027-03-03T00:00:00Z"));
    // In the same second: the next key.
    expect(await write(machine)).toEqual(["index/host/20261121T020004Z-0123abcd.jsonl.zst"]);
    expect(await write(machine)).toEqual([]);
    await other.sync();
    expect(other.lockedUntil("packs/a")).toBe("2027-03-03T00:00:00.000Z");
    expect(await machine.sync()).toMatchObject({ get: 0 });
  });

  test("writing the index does not go on from a clock that was ahead by years, as nobody reads such objects", async () => {
    await using machine = await Machine.make();
    store(machine, "packs/a", ["a"]);
    await write(machine, new Date("2066-01-01T00:00:00Z"));
    store(machine, "packs/b", ["b"]);
    expect(await write(machine)).toEqual(["index/host/20261121T020003Z-0123abcd.jsonl.zst"]);
  });

  test("writing the index sorts behind what was written before by a clock that was ahead by hours", async () => {
    await using machine = await Machine.make();
    store(machine, "packs/a", ["a"]);
    await write(machine, new Date("2026-11-21T14:00:00Z"));
    store(machine, "packs/b", ["b"]);
    expect(await write(machine)).toEqual(["index/host/20261121T140001Z-0123abcd.jsonl.zst"]);
  });

  test("writing the index leaves out the chunks behind one that has another place by now, as their offsets would be wrong", async () => {
    await using machine = await Machine.make();
    await using other = await Machine.make();
    Object.defineProperty(other, "bucket", { value: machine.bucket });
    store(machine, "packs/a", ["one", "three", "seven"]);
    store(machine, "packs/b", ["three"]);
    await write(machine);
    await other.sync();
    expect([other.place("one"), other.place("three"), other.place("seven")]).toEqual([
      "packs/a at 0+0",
      "packs/b at 0+0",
      undefined,
    ]);
  });

  test("the index of very many chunks is split when it is written", async () => {
    await using machine = await Machine.make();
    const texts = Array.from({ length: 6_000 }, (_, number) => String(number));
    machine.database.transaction(() => {
      for (const key of Array.from({ length: 30 }, (_, number) => `packs/${number}-`))
        store(
          machine,
          key,
          texts.map((text) => key + text),
        );
    })();
    const written = await write(machine);
    expect(written).toHaveLength(2);
    await using other = await Machine.make();
    Object.defineProperty(other, "bucket", { value: machine.bucket });
    await other.sync();
    expect(other.place("packs/29-5999")).toStartWith("packs/29- at 0+");
  });

  test("a failed write of the index is made up for by the next one, with the same content", async () => {
    await using machine = await Machine.make();
    store(machine, "packs/a", ["a"]);
    const { bucket, database } = machine;
    const full = wrapBucket(bucket, {
      put: () => Promise.reject(new BucketError("full", { doing: "store", why: "no space" })),
    });
    const failed = writeIndexObjects({
      target: targetOf(full),
      database,
      name: "host",
      run: "0123abcd",
      now: () => start,
    });
    expect(await failed.catch((error: unknown) => String(error))).toContain("no space");
    expect(await write(machine)).toHaveLength(1);
  });
});
