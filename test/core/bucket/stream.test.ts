import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { type Bucket, BucketError, type PutOptions, type Stored } from "../../../core/bucket/contract.ts";
import { firstPart, partSize, planForLarge, putStream, readAll } from "../../../core/bucket/stream.ts";

const retention = { mode: "GOVERNANCE", until: new Date("2026-12-21T00:00:00Z") } as const;
const mebibyte = 1024 * 1024;

type Seen = {
  readonly bucket: Pick<Bucket, "put" | "startUpload">;
  readonly puts: (PutOptions & { readonly size: number })[];
  readonly parts: Map<number, string>;
  readonly ends: string[];
  readonly buffers: Set<ArrayBufferLike>;
  most: number;
};

/** Keeps digests and sizes only; `slow` lets parts overlap, `failing` refuses one. */
function watching(failing?: number): Seen {
  let running = 0;
  let total = 0;
  const stored = (size: number): Stored => ({ key: "k", version: "v", size });
  const seen: Seen = {
    puts: [],
    parts: new Map(),
    ends: [],
    buffers: new Set(),
    most: 0,
    bucket: {
      put: async (_key, body, options) => {
        seen.puts.push({ ...options, size: body.byteLength });
        return stored(body.byteLength);
      },
      startUpload: async () => ({
        part: async (number, body) => {
          seen.most = Math.max(seen.most, ++running);
          seen.buffers.add(body.buffer);
          await Bun.sleep(number % 2 === 1 ? 5 : 1);
          running--;
          if (number === failing) throw new BucketError("denied", { doing: "store", why: "refused" });
          total += body.byteLength;
          seen.parts.set(number, `${body.byteLength} ${sha(body)}`);
        },
        complete: async () => {
          seen.ends.push("complete");
          return stored(total);
        },
        abort: async () => {
          seen.ends.push(`abort, ${running} running`);
        },
      }),
    },
  };
  return seen;
}

const sha = (...pieces: readonly Uint8Array[]): string => {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
};

async function* pieces(total: number, size: number): AsyncGenerator<Uint8Array> {
  // The producer may use its buffer again for the next piece.
  const buffer = new Uint8Array(size);
  for (let at = 0; at < total; at += size) yield buffer.fill(at / size).subarray(0, Math.min(size, total - at));
}

async function whole(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of source) all.push(piece.slice());
  return Buffer.concat(all);
}

for (const size of [0, 1, firstPart - 1, firstPart]) {
  test(`${size} bytes are one put, with their digest`, async () => {
    const seen = watching();
    const stored = await putStream(seen.bucket, "k", pieces(size, 300_000), { retention, metadata: { a: "b" } });
    const sha256 = sha(await whole(pieces(size, 300_000)));
    expect(stored).toEqual({ key: "k", version: "v", size, sha256 });
    expect(seen.puts).toEqual([{ retention, metadata: { a: "b" }, sha256, size }]);
    expect(seen.ends).toEqual([]);
  });
}

test("more is sent in parts, side by side but at most three, each with the right bytes", async () => {
  const seen = watching();
  const size = 5 * firstPart + 12_345;
  const stored = await putStream(seen.bucket, "k", pieces(size, 300_000), { retention });
  const all = await whole(pieces(size, 300_000));
  const expected = new Map<number, string>();
  for (let at = 0, number = 1; at < size; number++) {
    const part = all.subarray(at, at + partSize(at));
    expected.set(number, `${part.byteLength} ${sha(part)}`);
    at += part.byteLength;
  }
  expect(new Map([...seen.parts].sort(([a], [b]) => a - b))).toEqual(expected);
  expect(stored).toEqual({ key: "k", version: "v", size, sha256: sha(all) });
  expect(seen.most).toBe(3);
  expect(seen.puts).toEqual([]);
});

test("a long stream takes no more buffers than a short one: those of sent parts are filled again", async () => {
  const [short, long] = [watching(), watching()];
  await putStream(short.bucket, "k", pieces(4 * partSize(1), 300_000), { retention });
  await putStream(long.bucket, "k", pieces(16 * partSize(1), 300_000), { retention });
  expect(long.parts.size).toBeGreaterThan(15);
  expect(long.buffers.size).toBe(short.buffers.size);
});

test("one piece larger than several parts is cut", async () => {
  const seen = watching();
  const big = new Uint8Array(20 * mebibyte).fill(7);
  const stored = await putStream(
    seen.bucket,
    "k",
    (async function* () {
      yield big;
    })(),
    { retention },
  );
  expect(stored).toMatchObject({ size: big.byteLength, sha256: sha(big) });
});

test("a part that fails aborts the upload, once nothing is under way", async () => {
  const seen = watching(2);
  const run = putStream(seen.bucket, "k", pieces(60 * mebibyte, mebibyte), { retention });
  expect(await run.catch((error: unknown) => error)).toMatchObject({ kind: "denied" });
  expect(seen.ends).toEqual(["abort, 0 running"]);
});

test("a source that fails aborts the upload, or puts nothing", async () => {
  for (const [size, ends] of [
    [30 * mebibyte, ["abort, 0 running"]],
    [100, []],
  ] as const) {
    const seen = watching();
    async function* failing() {
      yield* pieces(size, mebibyte);
      throw new Error("the source broke");
    }
    const run = putStream(seen.bucket, "k", failing(), { retention });
    expect(await run.catch(String)).toBe("Error: the source broke");
    expect(seen.ends).toEqual([...ends]);
    expect(seen.puts).toEqual([]);
  }
});

test("10,000 parts hold 5 TiB, none above 5 GiB, and parts stay small for long", () => {
  let sent = 0;
  let parts = 0;
  for (; sent < 5 * 1024 ** 4; parts++) {
    expect(partSize(sent)).toBeLessThanOrEqual(5 * 1024 ** 3);
    sent += partSize(sent);
  }
  expect(parts).toBeLessThanOrEqual(10_000);
  expect(partSize(100 * 1024 ** 3)).toBe(72 * mebibyte);
});

for (const stated of [0, 1, 10, 90, 195, 1_000, 5_000, 20_000_000_000]) {
  test(`10,000 parts hold 5 TiB of a large object that was said to have ${stated} GiB`, () => {
    const { sizeAfter } = planForLarge(stated * 1024 ** 3);
    expect(sizeAfter(0)).toBeGreaterThanOrEqual(5 * mebibyte);
    let [sent, parts] = [0, 0];
    for (; sent < 5 * 1024 ** 4; parts++) {
      expect(sizeAfter(sent)).toBeLessThanOrEqual(5 * 1024 ** 3);
      sent += sizeAfter(sent);
    }
    expect(parts).toBeLessThanOrEqual(10_000);
    expect(sizeAfter(0)).toBeLessThanOrEqual(656 * mebibyte);
    // Parts do not grow before the object is longer than that.
    expect(sizeAfter(Math.min(stated, 5_000) * 0.99 * 1024 ** 3)).toBe(sizeAfter(stated === 0 ? 0 : 1));
  });
}

/** Mebibytes of a part, and parts at a time. */
const cut = (gibibytes: number, memory?: number) => {
  const { sizeAfter, atOnce } = planForLarge(gibibytes * 1024 ** 3, memory);
  return [sizeAfter(0) / mebibyte, atOnce(sizeAfter(0))];
};

test("ten parts of a large object are sent at a time, and fewer once parts are larger", () => {
  expect([1, 85, 195, 244, 400, 1_000, 2_000, 5_120].map((gibibytes) => cut(gibibytes))).toEqual([
    [25, 10],
    [25, 10],
    [25, 10],
    [32, 7],
    [52, 4],
    [128, 1],
    [256, 0],
    [656, 0],
  ]);
});

test("parts of large objects take 275 MiB at most, as long as two of them fit", () => {
  for (let gibibytes = 1; gibibytes < 1_000; gibibytes *= 2) {
    const [size = 0, atOnce = 0] = cut(gibibytes);
    expect(atOnce).toBeGreaterThan(0);
    expect((atOnce + 1) * size).toBeLessThanOrEqual(275);
  }
});

test("fewer parts of a large object are sent at a time if there is little memory, but never fewer than two of 25 MiB", () => {
  const memories = [0, 64, 256, 399, 400, 512, 1_024, 1_099, 1_100, 65_536];
  expect(memories.map((mebibytes) => cut(1, mebibytes * mebibyte)[1])).toEqual([2, 2, 2, 2, 3, 4, 9, 9, 10, 10]);
});

test("larger parts take no more of a small memory than those of 25 MiB", () => {
  for (const gibibytes of [1, 195, 244, 280, 300, 400, 1_000]) {
    const [size = 0, atOnce = 0] = cut(gibibytes, 512 * mebibyte);
    if (atOnce > 0) expect((atOnce + 1) * size).toBeLessThanOrEqual(128);
  }
  expect(cut(244, 512 * mebibyte)).toEqual([32, 2]);
});

test("a large object takes the memory of three parts on a machine with little of it", async () => {
  const seen = watching();
  const plan = planForLarge(1024 ** 3, 256 * mebibyte);
  await putStream(seen.bucket, "k", pieces(200 * mebibyte, 1_000_000), { retention }, plan);
  expect(seen.parts.size).toBe(8);
  expect(seen.buffers.size).toBeLessThanOrEqual(3);
  expect(seen.most).toBeLessThanOrEqual(3);
});

test("one part is sent before the next fills up if two of them are too large for memory", async () => {
  const seen = watching();
  const size = firstPart;
  const plan = { sizeAfter: () => size, atOnce: () => 0 };
  await putStream(seen.bucket, "k", pieces(5 * size, 300_000), { retention }, plan);
  expect(seen.parts.size).toBe(5);
  expect(seen.buffers.size).toBe(1);
  expect(seen.most).toBe(1);
});

async function* kept(total: number): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces(total, 3)) yield piece.slice();
}

test("readAll collects up to its limit, and refuses more", async () => {
  expect((await readAll(kept(10), 10)).toString("hex")).toBe("00000001010102020203");
  expect(await readAll(kept(11), 10).catch((error: unknown) => error)).toMatchObject({ kind: "damaged" });
});
