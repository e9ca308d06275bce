import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BitSet } from "../../../../core/archive/state/tables/bit-set.ts";
import type { PartRef } from "../../../../core/format/manifest/manifest.ts";
import { type ByteString, fromBytes } from "../../../../core/format/path.ts";
import { numbered, PartBench } from "./part-bench.ts";

describe("parts", () => {
  test("parts hold all entries in byte order, cut within bounds, and say what they hold", async () => {
    await using bench = await PartBench.make();
    const paths = [...numbered(60_000), fromBytes(Buffer.of(0x2f, 0x80)), fromBytes(Buffer.from("/é"))];
    bench.add(paths, bench.object("packs/a"));
    const { parts } = await bench.write();
    expect(parts.length).toBeGreaterThan(3);
    const found: ByteString[] = [];
    for (const [number, part] of parts.entries()) {
      const { entries } = await bench.read(part);
      expect(part).toMatchObject({ first: entries[0]?.path, entries: entries.length, bytes: 10 * entries.length });
      expect(entries.length).toBeLessThanOrEqual(16_384);
      if (number < parts.length - 1) expect(entries.length).toBeGreaterThanOrEqual(1_024);
      for (const { path } of entries) found.push(path);
    }
    expect(found.length).toBe(paths.length);
    expect(found.slice(-2)).toEqual([fromBytes(Buffer.of(0x2f, 0x80)), fromBytes(Buffer.from("/é"))]);
  });

  test("parts of the same entries are referenced again", async () => {
    await using bench = await PartBench.make();
    bench.add(numbered(30_000), bench.object("packs/a"));
    const first = await bench.write();
    expect(first.put).toEqual(first.parts.map(({ key }) => key));
    const second = await bench.write();
    expect(second.put).toEqual([]);
    expect(second.parts).toEqual(first.parts);
  });

  test("parts but for one stay the same when an entry comes, goes or changes", async () => {
    await using bench = await PartBench.make();
    const object = bench.object("packs/a");
    bench.add(numbered(60_000), object);
    const first = await bench.write();
    // In parts that end by an entry's hash. One that ends by its size moves the cuts up to the next hash.
    const changes = [
      () => bench.add(["/folder/050000-new" as ByteString], object),
      () => bench.remove("/folder/057000" as ByteString),
      () => bench.add(["/folder/053000" as ByteString], bench.object("packs/b")),
    ];
    for (const change of changes) {
      change();
      const { put, parts } = await bench.write();
      expect(put).toHaveLength(1);
      expect(parts).toHaveLength(first.parts.length);
    }
  });

  test("parts end when they are large, however few their entries", async () => {
    await using bench = await PartBench.make();
    const large = new Map([["user.large" as ByteString, Buffer.alloc(60_000, "x")]]);
    bench.add(numbered(1_000), bench.object("packs/a"), large);
    const { parts } = await bench.write();
    expect(parts.length).toBe(3);
    for (const part of parts) expect((await bench.read(part)).entries.length).toBeLessThan(500);
  });

  test("parts number the objects that they use, each its own", async () => {
    await using bench = await PartBench.make();
    const [unused, a, b] = ["packs/unused", "packs/a", "packs/b"].map((key) => bench.object(key)) as [
      number,
      number,
      number,
    ];
    bench.add(["/1" as ByteString, "/3" as ByteString], b);
    bench.add(["/2" as ByteString], a);
    bench.add(["/0[7,8" as ByteString], b);
    const { parts, used } = await bench.write();
    const { objects, entries } = await bench.read(parts[0] as PartRef);
    expect(objects.map(({ key }) => key)).toEqual(["packs/b", "packs/a"]);
    expect(entries.map(({ path, extents }) => `${path} ${extents.map(({ object }) => object)}`)).toEqual([
      "/0[7,8 0",
      "/1 0",
      "/2 1",
      "/3 0",
    ]);
    expect([used.has(unused), used.has(a), used.has(b), used.has(b + 1)]).toEqual([false, true, true, true]);
  });

  test("parts whose lock expires are put again", async () => {
    await using bench = await PartBench.make();
    const object = bench.object("packs/a");
    bench.add(numbered(10), object);
    const first = await bench.write();
    const again = await bench.write([object + 1]);
    expect(again.put).toEqual(first.put);
    expect(again.parts[0]?.version).not.toBe(first.parts[0]?.version ?? "");
    expect((await bench.write([object + 1])).put).toEqual([]);
  });

  test("parts leave out by name a row that readers would refuse, and the run after takes it again", async () => {
    await using bench = await PartBench.make();
    const pack = bench.object("packs/a");
    bench.add(numbered(3), pack);
    bench.spoil(numbered(1));
    const { parts } = await bench.write();
    const [part] = parts;
    if (part === undefined) throw new Error("a part was expected");
    expect([part.first, part.entries]).toEqual([numbered(2)[1] ?? part.first, 2]);
    expect((await bench.read(part)).entries.map(({ path }) => path)).toEqual(numbered(3).slice(1));
    expect(bench.heard).toEqual([
      expect.stringMatching(/^"\/folder\/000000" is not in the backup: a manifest cannot describe it: /),
    ]);
    expect(bench.has(numbered(1)[0])).toBe(false);
  });

  test("a part is made while the one before it is stored, and they are put one after the other", async () => {
    await using bench = await PartBench.make();
    const paths = numbered(60_000);
    bench.add(paths, bench.object("packs/a"));
    bench.spoil(paths.slice(20_000, 20_001));
    let underWay = 0;
    const { parts } = await bench.write([], async (puts) => {
      underWay += 1;
      expect(underWay).toBe(1);
      while (puts === 1 && bench.heard.length === 0) await Bun.sleep(10);
      underWay -= 1;
    });
    expect(bench.heard.length).toBe(1);
    expect(parts.reduce((sum, { entries }) => sum + entries, 0)).toBe(paths.length - 1);
  });

  test("a part that cannot be put is an error, and no part is noted", async () => {
    await using bench = await PartBench.make();
    bench.add(numbered(60_000), bench.object("packs/a"));
    const fail = async (puts: number) => {
      if (puts === 2) throw new Error("the second put fails");
    };
    expect(await bench.write([], fail).catch((error: unknown) => String(error))).toContain("the second put fails");
    const { parts, put } = await bench.write();
    expect(put.length).toBe(parts.length);
  });

  test("parts of nothing are none", async () => {
    await using bench = await PartBench.make();
    expect((await bench.write()).parts).toEqual([]);
  });
});

test("a set of numbers holds what was added, small and large", () => {
  const set = new BitSet();
  const numbers = [0, 1, 7, 8, 63, 8_191, 8_192, 1_000_000, 100_000_001];
  for (const number of numbers) set.add(number);
  for (const number of numbers) {
    expect(set.has(number)).toBe(true);
    expect(numbers.includes(number + 1)).toBe(set.has(number + 1));
  }
  expect(set.has(2 ** 31 - 1)).toBe(false);
});

describe("after any changes, the parts hold the rows that there are", () => {
  /** Where each row goes: the larger the tree, the more parts are kept without a look. */
  const change = fc.oneof(
    fc.record({ kind: fc.constant("add" as const), at: fc.nat(40_000) }),
    fc.record({ kind: fc.constant("remove" as const), at: fc.nat(40_000) }),
    fc.record({ kind: fc.constant("remove many" as const), at: fc.nat(40_000) }),
    fc.record({ kind: fc.constant("first" as const), at: fc.nat(40_000) }),
  );

  test("after any changes, the parts hold the rows in byte order, each once, and no part but the last is too small", async () => {
    const run = async (rounds: readonly (readonly { kind: string; at: number }[])[]) => {
      await using bench = await PartBench.make();
      const object = bench.object("packs/a");
      const paths = new Set(numbered(20_000));
      bench.add(paths, object);
      await bench.write();
      for (const round of rounds) {
        for (const { kind, at } of round) applyTo(bench, paths, object, kind, at);
        const { parts } = await bench.write();
        const found: ByteString[] = [];
        for (const part of parts) {
          const { entries } = await bench.read(part);
          expect(part).toMatchObject({ first: entries[0]?.path, entries: entries.length, bytes: 10 * entries.length });
          for (const { path } of entries) found.push(path);
        }
        expect(found).toEqual([...paths].sort());
        expect(parts.slice(0, -1).filter(({ entries }) => entries < 1_024)).toEqual([]);
      }
    };
    await fc.assert(fc.asyncProperty(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 4 }), run), {
      numRuns: 5,
    });
  });
});

function applyTo(bench: PartBench, paths: Set<ByteString>, object: number, kind: string, at: number): void {
  const path = `/folder/${String(at).padStart(6, "0")}` as ByteString;
  const gone = kind === "remove many" ? [...paths].filter((one) => one > path).slice(0, 3_000) : [path];
  if (kind.startsWith("remove")) {
    for (const one of gone) {
      bench.remove(one);
      paths.delete(one);
    }
    return;
  }
  const added = kind === "first" ? (`/a/${at}` as ByteString) : path;
  bench.add([added], object);
  paths.add(added);
}
