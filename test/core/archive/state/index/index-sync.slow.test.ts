import { describe, expect, test } from "bun:test";
import { setFact } from "../../../../../core/archive/state/database.ts";
import { marksOf, ownIndexFact } from "../../../../../core/archive/state/index/index-sync.ts";
import { ChunkTable } from "../../../../../core/archive/state/tables/chunks.ts";
import { FalseState } from "../../../../../core/archive/state/tables/false-state.ts";
import { ObjectTable } from "../../../../../core/archive/state/tables/objects.ts";
import { BucketError } from "../../../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../../../core/bucket/wrap.ts";
import { encodeIndex, type IndexLine } from "../../../../../core/format/index/index-object.ts";
import { keys, stampOf } from "../../../../../core/format/keys/keys.ts";
import { attack } from "../../../../support/attack.ts";
import { sha256 } from "../../backup.ts";
import { noise } from "../../noise.ts";
import { extended, hour, Machine, pack, packKey, retention, start, until } from "../machine.ts";

describe("reading the index", () => {
  test("reading the index places the chunks of each frame one behind the other", async () => {
    await using machine = await Machine.make();
    await machine.tell("other", pack("packs/a", [["one", "three"], ["x"]]));
    expect(await machine.sync()).toEqual({ heard: [], list: 2, get: 1 });
    expect([machine.place("one"), machine.place("three"), machine.place("x")]).toEqual([
      "packs/a at 0+0",
      "packs/a at 0+3",
      "packs/a at 100+0",
    ]);
  });

  test("reading the index reads each object once, and what comes later", async () => {
    await using machine = await Machine.make();
    await machine.tell("a", pack("packs/a", [["a"]]));
    await machine.tell("b", pack("packs/b", [["b"]]));
    expect(await machine.sync()).toMatchObject({ list: 2, get: 2 });
    expect(await machine.sync()).toMatchObject({ list: 2, get: 0 });
    await machine.tell("a", pack("packs/c", [["c"]]), new Date(start.getTime() + hour));
    expect(await machine.sync()).toMatchObject({ list: 2, get: 1 });
    expect(machine.place("c")).toBe("packs/c at 0+0");
  });

  test("reading the index passes over keys that are of no index", async () => {
    await using machine = await Machine.make();
    for (const key of ["index/other/README", "index/stray", "index/other/20261121T020003Z-0123abcd.jsonl.zst.tmp"]) {
      await machine.bucket.put(key, Buffer.from("x"), { retention });
    }
    expect(await machine.sync()).toEqual({ heard: [], list: 2, get: 0 });
  });

  test("reading the index believes this host, and the hosts that it shares with", async () => {
    await using machine = await Machine.make();
    for (const name of ["friend", "host", "stranger"]) await machine.tell(name, pack(`packs/${name}`, [[name]]));
    expect(await machine.sync(["friend"])).toMatchObject({ get: 2 });
    expect([machine.place("friend"), machine.place("host"), machine.place("stranger")]).toEqual([
      "packs/friend at 0+0",
      "packs/host at 0+0",
      undefined,
    ]);
  });

  test("reading the index of thousands of keys of several names lists only what may be new", async () => {
    await using machine = await Machine.make();
    const times = Array.from(
      { length: 1_300 },
      (_, number) => new Date(start.getTime() - (2_000 - number) * 1000 - 24 * hour),
    );
    const put = async (name: string) => {
      for (const time of times)
        await machine.bucket.put(keys.index(name, { start: time, run: "00000000" }), Buffer.of(0), { retention });
    };
    await Promise.all(["a", "b", "c", "d", "e", "host"].map(put));
    const settledAt = (time: Date | undefined) => stampOf(time ?? start);
    for (const name of ["a", "b", "c", "e"]) marksOf(machine.database, name).settle(settledAt(times.at(-1)));
    marksOf(machine.database, "host").settle(settledAt(times[1_201]));
    await machine.tell("b", pack("packs/b", [["b"]]));
    // Of d, who is not believed, nothing is listed but the end of a page. 99 of our own and the last of the others are damaged.
    const { list, get, heard } = await machine.sync(["a", "b", "c", "e"]);
    expect(list).toBeLessThanOrEqual(1 + 6 + 1);
    expect(get).toBe(1 + 99 + 4);
    expect(heard).toHaveLength(99 + 4);
    expect(machine.place("b")).toBe("packs/b at 0+0");
    expect(await machine.sync(["a", "b", "c", "e"])).toMatchObject({ get: 0, heard: [] });
  });

  test("reading the index reads what was listed by its version, and leaves a source of which 1,000 are junk to the next run", async () => {
    await using machine = await Machine.make();
    const put = (_: unknown, number: number) => {
      const time = new Date(start.getTime() - 24 * hour + number * 1000);
      return machine.bucket.put(keys.index("a", { start: time, run: "00000000" }), Buffer.of(0), { retention });
    };
    await Promise.all(Array.from({ length: 1_030 }, put));
    await machine.tell("b", pack("packs/b", [["b"]]));
    const { bucket } = machine;
    const versions: (string | undefined)[] = [];
    const get: typeof bucket.get = (key, options) => {
      versions.push(options?.version);
      return bucket.get(key, options);
    };
    Object.defineProperty(machine, "bucket", { value: wrapBucket(bucket, { get }) });
    expect(await machine.sync()).toMatchObject({ get: 1_001 });
    expect(versions).not.toContain(undefined);
    expect(machine.place("b")).toBe("packs/b at 0+0");
    expect(await machine.sync()).toMatchObject({ get: 30 });
  });

  test("reading the index goes on behind pages that are not full", async () => {
    await using machine = await Machine.make();
    for (const name of ["a", "b", "c", "d", "e"]) await machine.tell(name, pack(`packs/${name}`, [[name]]));
    const { bucket } = machine;
    async function* small(prefix: string, after?: string) {
      for await (const page of bucket.list(prefix, after))
        for (let at = 0; at < page.length; at += 2) yield page.slice(at, at + 2);
    }
    Object.defineProperty(machine, "bucket", { value: wrapBucket(bucket, { list: small }) });
    expect(await machine.sync()).toMatchObject({ get: 5 });
    expect(await machine.sync()).toMatchObject({ get: 0 });
  });
});

test("a run that is stopped reads no more of the index", async () => {
  await using machine = await Machine.make();
  await machine.tell("a", pack("packs/a", [["a"]]));
  const reason = new Error("stop");
  expect(await machine.sync(["*"], AbortSignal.abort(reason)).catch((error: unknown) => error)).toBe(reason);
  expect(machine.counts.get).toBe(0);
  expect(await machine.sync()).toMatchObject({ get: 1 });
});

describe("a bad index object", () => {
  const good = () => Buffer.from([...encodeIndex("bad", "0123abcd", pack("packs/bad", [["bad"]]))].join(""));
  const bad: [string, () => Uint8Array, RegExp][] = [
    ["that is no zstd", () => noise(100), /not a zstd frame/],
    ["that is empty", () => Buffer.alloc(0), /not a zstd frame|cut short/],
    ["that is cut short", () => Bun.zstdCompressSync(good()).subarray(0, -3), /cut short/],
    ["with a flipped bit inside", () => flipped(Bun.zstdCompressSync(good())), /./],
    ["that claims to hold terabytes", () => claiming(2n ** 42n), /says that it holds/],
    ["without a footer", () => Bun.zstdCompressSync(good().subarray(0, good().lastIndexOf('{"footer"'))), /cut short/],
    [
      "that was altered",
      () => Bun.zstdCompressSync(Buffer.from(good().toString().replace("10000", "10001"))),
      /digest/,
    ],
    [
      "of a later format",
      () => Bun.zstdCompressSync(Buffer.from(good().toString().replace('"version":1', '"version":9'))),
      /version 9/,
    ],
    ["with a frame outside of its object", () => lying([{ frame: [0, 9_999, 100, []] }]), /outside/],
    [
      "with a frame of an object that it does not name",
      () => lying([{ frame: [7, 0, 100, []] }]),
      /did not come before/,
    ],
  ];
  test.each(bad)("%s is reported and passed over, and the next is read", async (_, body, why) => {
    await using machine = await Machine.make();
    const key = await machine.tell("bad", body());
    await machine.tell("good", pack("packs/good", [["good"]]));
    const { heard } = await machine.sync();
    expect(heard).toHaveLength(1);
    expect(heard[0]).toStartWith(`warning index-damaged: the index object "${key}" is passed over: `);
    expect(heard[0]).toMatch(why);
    expect(machine.place("bad")).toBeUndefined();
    expect(machine.place("good")).toBe("packs/good at 0+0");
    expect(await machine.sync()).toEqual({ heard: [], list: 2, get: 0 });
  });

  const denied = new BucketError("denied", { doing: "read", why: "access denied" });

  test("what a prune removed since the listing is passed over, though S3 says that it is denied", async () => {
    await using machine = await Machine.make();
    const gone = await machine.tell("a", pack("packs/a", [["a"]]));
    await machine.tell("b", pack("packs/b", [["b"]]));
    const { bucket } = machine;
    const { get, list } = bucket;
    bucket.get = (key, options) => {
      if (key !== gone) return get(key, options);
      bucket.list = async function* (prefix, after) {
        for await (const page of list(prefix, after)) yield page.filter((found) => found.key !== gone);
      };
      throw denied;
    };
    const { heard } = await machine.sync();
    expect(heard).toHaveLength(1);
    expect(machine.place("a")).toBeUndefined();
    expect(machine.place("b")).toBe("packs/b at 0+0");
  });

  test.each([
    ["denied, as by another's key of encryption", denied, 1],
    ["stored so that nobody can read it", new BucketError("other", { doing: "read", why: "in an archive tier" }), 0],
  ])("what is there and %s is passed over, and the next is read", async (_, error, askedAgain) => {
    await using machine = await Machine.make();
    const refused = await machine.tell("a", pack("packs/a", [["a"]]));
    await machine.tell("b", pack("packs/b", [["b"]]));
    const { get } = machine.bucket;
    let asked = 0;
    machine.bucket.get = (key, options) => {
      if (key !== refused) return get(key, options);
      asked += 1;
      throw error;
    };
    expect((await machine.sync()).heard).toEqual([expect.stringMatching(/^warning index-damaged: /)]);
    expect(machine.place("b")).toBe("packs/b at 0+0");
    await machine.sync();
    expect(asked).toBe(1 + askedAgain);
  });

  function flipped(bytes: Uint8Array): Uint8Array {
    const copy = Buffer.from(bytes);
    copy[copy.length - 20] = (copy[copy.length - 20] ?? 0) ^ 0x10;
    return copy;
  }

  function claiming(size: bigint): Uint8Array {
    const frame = Buffer.alloc(40);
    frame.writeUInt32LE(0xfd2fb528);
    frame[4] = 0b1110_0000;
    frame.writeBigUInt64LE(size, 5);
    return frame;
  }

  function lying(lines: readonly IndexLine[]): Uint8Array {
    const all = [...pack("packs/bad", [["bad"]]), ...lines];
    return Bun.zstdCompressSync(Buffer.from([...encodeIndex("bad", "0123abcd", all)].join("")));
  }

  test("a bucket that does not answer ends the run, and the object is read next time", async () => {
    await using machine = await Machine.make();
    await machine.tell("other", pack("packs/a", [["a"]]));
    const { bucket } = machine;
    const failing = wrapBucket(bucket, { get: () => unreachable() });
    Object.defineProperty(machine, "bucket", { value: failing, configurable: true });
    expect(await machine.sync().catch((error: unknown) => String(error))).toContain("nobody answers");
    Object.defineProperty(machine, "bucket", { value: bucket });
    expect(await machine.sync()).toMatchObject({ heard: [], get: 1 });
  });

  // biome-ignore lint/correctness/useYield: it fails before.
  async function* unreachable(): AsyncGenerator<Uint8Array> {
    throw new BucketError("unreachable", { doing: "read", why: "nobody answers" });
  }
});

describe("what the index says", () => {
  test("what the index says does not replace a place that is good", async () => {
    await using machine = await Machine.make();
    await machine.tell("a", pack("packs/a", [["x"]]));
    await machine.tell("b", pack("packs/b", [["x"]], new Date("2030-01-01T00:00:00Z")));
    await machine.sync();
    expect(machine.place("x")).toBe("packs/a at 0+0");
  });

  test("the first of two indexes stays if they say different things of one pack", async () => {
    await using machine = await Machine.make();
    await machine.tell("a", pack("packs/a", [["x", "y"]]));
    const [object, ...frames] = pack("packs/a", [["y", "x", "z"]]);
    if (object === undefined || !("object" in object)) throw new Error("a pack begins with its object");
    await machine.tell("b", [{ object: { ...object.object, size: 20_000 } }, ...frames]);
    await machine.sync();
    expect(new ObjectTable(machine.database).find(packKey("packs/a"), "v-packs/a")?.size).toBe(10_000);
    expect([machine.place("x"), machine.place("y"), machine.place("z")]).toEqual([
      "packs/a at 0+0",
      "packs/a at 0+1",
      undefined,
    ]);
  });

  test.each(["packs/../index/host", "content/readme", `${packKey("packs/a")}.😀`])(
    "nothing is built upon an object that an index says lies under %p",
    async (key) => {
      await using machine = await Machine.make();
      const [object, ...frames] = pack("packs/a", [["x"]]);
      if (object === undefined || !("object" in object)) throw new Error("a pack begins with its object");
      await machine.tell("a", [{ object: { ...object.object, key } }, ...frames]);
      await machine.verified([{ object: { ...object.object, key } }, ...frames]);
      await machine.sync();
      expect(machine.database.query("SELECT count(*) AS objects FROM objects").get()).toEqual({ objects: 0 });
      expect(machine.place("x")).toBeUndefined();
    },
  );

  test("what the index says replaces a place whose lock expires", async () => {
    await using machine = await Machine.make();
    await machine.tell("a", pack("packs/a", [["x", "y"]], new Date("2026-11-22T00:00:00Z")));
    await machine.tell("b", pack("packs/b", [["x"]]));
    await machine.sync();
    expect([machine.place("x"), machine.place("y")]).toEqual(["packs/b at 0+0", "packs/a at 0+1"]);
  });

  test("what the index says of extensions makes a claim worth looking up for longer, and never for a shorter time", async () => {
    await using machine = await Machine.make();
    await machine.tell("a", pack("packs/a", [["x"]]));
    await machine.tell("b", extended("packs/a", "2027-05-05T00:00:00.000Z"));
    await machine.tell("c", extended("packs/a", "2027-01-01T00:00:00.000Z"));
    await machine.tell("d", [
      { extended: { key: packKey("packs/a"), version: "another", retain_until: "2029-01-01T00:00:00.000Z" } },
    ]);
    await machine.sync();
    expect(machine.lockedUntil("packs/a")).toBe("2027-05-05T00:00:00.000Z");
  });
});

describe("a verified object", () => {
  test("a verified object overrides what an index said of the same pack, and where its chunks lie", async () => {
    await using machine = await Machine.make();
    await machine.tell("liar", pack("packs/a", [["y", "x"]]));
    await machine.verified(pack("packs/a", [["x", "y"]]));
    expect(await machine.sync()).toMatchObject({ heard: [], get: 2 });
    expect([machine.place("x"), machine.place("y")]).toEqual(["packs/a at 0+0", "packs/a at 0+1"]);
  });

  test("a verified object overrides the place of a chunk in another pack, but no later index does", async () => {
    await using machine = await Machine.make();
    await machine.tell("liar", pack("packs/a", [["x"]]));
    await machine.verified(pack("packs/b", [["x"]]));
    await machine.sync();
    await machine.tell("liar", pack("packs/c", [["x"]]), new Date(start.getTime() + 1_000));
    expect(await machine.sync()).toMatchObject({ get: 1 });
    expect(machine.place("x")).toBe("packs/b at 0+0");
  });

  test("what is our own is overridden by nothing that others say", async () => {
    await using machine = await Machine.make();
    const objects = new ObjectTable(machine.database);
    const ref = { key: packKey("packs/a"), version: "v-packs/a", size: 5_000, encoding: "frames" } as const;
    const object = objects.add(ref, until, true);
    const id = Buffer.from(sha256(Buffer.from("x")), "hex");
    new ChunkTable(machine.database).set(id, { object, frameOffset: 0, frameLength: 100, offset: 7, length: 1 });
    const later = new Date("2030-01-01T00:00:00Z");
    await machine.tell("liar", [...pack("packs/a", [["x", "z"]], later), ...extended("packs/a", later.toISOString())]);
    await machine.verified(pack("packs/a", [["x", "z"]], later));
    await machine.sync();
    expect(objects.find(packKey("packs/a"), "v-packs/a")).toMatchObject({ size: 5_000, retainUntil: until });
    expect([machine.place("x"), machine.place("z")]).toEqual(["packs/a at 0+7", undefined]);
  });
});

describe("a flood of index objects", () => {
  test("a flood of junk is asked for 10,000 times at most in a day, and not again", async () => {
    await using machine = await Machine.make();
    const marks = marksOf(machine.database, "host");
    machine.database.transaction(() => {
      for (let number = 0; number < 9_999; number += 1) {
        marks.note(keys.index("host", { start, run: number.toString(16).padStart(8, "0") }), 1);
      }
    })();
    for (const run of ["aaaaaaaa", "bbbbbbbb", "cccccccc"]) {
      await machine.bucket.put(keys.index("host", { start, run }), Buffer.from("junk"), { retention });
    }
    expect(await machine.sync([])).toMatchObject({ get: 1 });
    expect(await machine.sync([])).toMatchObject({
      get: 0,
      heard: [expect.stringMatching(/^warning index-absurd: under "index\/host\/" are more index objects/)],
    });
  });
});

describe("a flood of index objects of times to come", () => {
  const sources = [
    { source: "friend", keyOf: (run: string) => keys.index("friend", { start: later, run }) },
    { source: "", keyOf: (run: string) => keys.verified({ start: later, run }) },
  ];
  const later = new Date("2099-01-01T00:00:00Z");

  for (const { source, keyOf } of sources) {
    attack(
      {
        by: "W",
        what: "ten thousand index objects or notes of verify with dates far in the future",
        before:
          "nothing of that name, or of verify, was ever read again: each machine stored for itself what others had",
        now: "they are counted, and take no place of what is read",
      },
      async () => {
        await using machine = await Machine.make();
        const marks = marksOf(machine.database, source);
        machine.database.transaction(() => {
          for (let number = 0; number < 10_000; number += 1) marks.note(keyOf(number.toString(16).padStart(8, "0")), 1);
        })();
        await machine.bucket.put(keyOf("aaaaaaaa"), Buffer.from("junk"), { retention });
        if (source === "") await machine.verified(pack("packs/a", [["x"]]));
        else await machine.tell(source, pack("packs/a", [["x"]]));
        const { get, heard } = await machine.sync(["friend"]);
        expect(heard).toEqual([expect.stringMatching(/^warning index-absurd: 1 index objects are ignored/)]);
        expect(get).toBe(1);
        expect(machine.place("x")).toBe("packs/a at 0+0");
      },
      { variant: source },
    );
  }
});

describe("a bucket in which our own index object is not", () => {
  test("a bucket in which our own index object is not is another one: the state database is of no use", async () => {
    await using machine = await Machine.make();
    await machine.tell("a", pack("packs/a", [["x"]]));
    setFact(machine.database, ownIndexFact, keys.index("host", { start, run: "0123abcd" }));
    expect(await machine.sync().catch((error: unknown) => error)).toBeInstanceOf(FalseState);
  });
});
