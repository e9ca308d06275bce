/** Streams in packs: the chunks of a stream are those of its bytes, however it comes, and it may go on in segments. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ChunkSizes } from "../../../../../core/archive/quilting/layouts/chunker.ts";
import type { Ledger } from "../../../../../core/archive/quilting/layouts/ledger.ts";
import { PackLayout } from "../../../../../core/archive/quilting/layouts/packs.ts";
import { fromText } from "../../../../../core/format/path.ts";
import { noise } from "../../noise.ts";
import { StoreBench } from "./bench.ts";

const MiB = 1024 * 1024;
const tiny: ChunkSizes = { smallest: 64, largest: 512, mask: 0xfe00_0000 | 0 };

async function* piecesOf(bytes: Uint8Array, lengths: Iterable<number>): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const length of lengths) {
    yield bytes.subarray(at, at + length);
    at += length;
  }
  if (at < bytes.length) yield bytes.subarray(at);
}

/** Stores a stream under a name. */
async function store(bench: StoreBench, name: string, pieces: AsyncIterable<Uint8Array>, sizes = tiny) {
  let size = 0;
  let made: { readonly layout: PackLayout; readonly ledger: Ledger } | undefined;
  const meter = await bench.run(
    (deps) => {
      made = { layout: new PackLayout(deps, { packSize: 4 * MiB, level: 3, sizes }), ledger: deps.ledger };
      return made.layout;
    },
    async () => {
      if (made === undefined) throw new Error("no layout was made");
      const { layout, ledger } = made;
      const path = fromText(name);
      const { end, extents, continued } = await layout.addStream(path, pieces);
      size = end;
      const head = JSON.stringify({ path: name, ...(continued && { size: end, ...continued }) });
      const row = { path, fingerprint: undefined, head, bytes: end };
      if (continued === undefined) ledger.file(row, extents);
      else ledger.continuedFile(row);
    },
  );
  return { size, meter };
}

async function contentOf(bench: StoreBench, name: string): Promise<Buffer> {
  const packs = new Map<string, Buffer>();
  const frames = new Map<string, Uint8Array>();
  const content: Uint8Array[] = [];
  for (const [object, frameOffset, frameLength, offset, length] of bench.extents(name)) {
    const key = bench.keyOf(object);
    const pack = packs.get(key) ?? (await bench.bytes(key));
    packs.set(key, pack);
    const id = `${key} ${frameOffset}`;
    const frame = frames.get(id) ?? Bun.zstdDecompressSync(pack.subarray(frameOffset, frameOffset + frameLength));
    frames.set(id, frame);
    content.push(frame.subarray(offset, offset + length));
  }
  return Buffer.concat(content);
}

describe("a stream", () => {
  test("a stream is in its extents as it came, and these do not depend on its pieces", async () => {
    const part = fc.oneof(
      fc.tuple(fc.constant("noise"), fc.nat({ max: 20_000 }), fc.nat({ max: 3 })),
      fc.tuple(fc.constant("zeros"), fc.nat({ max: 5_000 }), fc.constant(0)),
    );
    const cuts = fc.array(fc.nat({ max: 9_000 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), cuts, cuts, async (parts, one, other) => {
        const bytes = Buffer.concat(
          parts.map(([kind, length, seed]) => (kind === "noise" ? noise(length, seed) : Buffer.alloc(length))),
        );
        await using bench = await StoreBench.make();
        expect((await store(bench, "one", piecesOf(bytes, one))).size).toBe(bytes.length);
        const again = await store(bench, "other", piecesOf(bytes, other));
        expect(again.meter.bytesStored).toBe(0);
        const lengths = (name: string) => bench.extents(name).map(([, , , , length, sha256]) => [length, sha256]);
        expect(lengths("other")).toEqual(lengths("one"));
        for (const [length] of lengths("one")) expect(length).toBeWithin(1, tiny.largest + 1);
        expect((await contentOf(bench, "one")).equals(bytes)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test("a stream of very many chunks goes on in segments, which make it up without a gap", async () => {
    const sizes: ChunkSizes = { smallest: 16, largest: 32, mask: 0xc000_0000 | 0 };
    const bytes = noise(1.6 * MiB);
    await using bench = await StoreBench.make();
    await store(bench, "/dump", piecesOf(bytes, [1, 2, 3, 70_000]), sizes);
    const segments = bench.rows().filter(({ path }) => path !== "/dump");
    expect(segments.length).toBeGreaterThan(4);
    const whole = [];
    for (const { path } of segments) {
      expect(Number(path.slice("/dump/".length))).toBe(whole.reduce((sum, { length }) => sum + length, 0));
      whole.push(await contentOf(bench, path));
    }
    expect(Buffer.concat(whole).equals(bytes)).toBe(true);
    expect(bench.rows().find(({ path }) => path === "/dump")?.extents).toBeNull();
  });

  test("a stream that fails leaves no row, and its unfinished chunk is no part of the next one", async () => {
    await using bench = await StoreBench.make();
    const failing = async function* () {
      yield noise(100_000);
      yield noise(50, 1);
      throw new Error("the pipe broke");
    };
    await expect(store(bench, "bad", failing())).rejects.toThrow("the pipe broke");
    expect(bench.rows()).toEqual([]);
    await store(bench, "good", piecesOf(noise(70_000), []));
    expect((await contentOf(bench, "good")).equals(noise(70_000))).toBe(true);
  });
});
