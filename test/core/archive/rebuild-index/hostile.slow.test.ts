/**
 * What somebody who can put into the bucket may lay there, or a medium that rots: none of it gets into an index that later
 * backups rely on, and the rest is indexed all the same.
 */
import { describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Bucket, BucketError } from "../../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import { rawFrame } from "../../../../core/format/codecs/frame.ts";
import { keys } from "../../../../core/format/keys/keys.ts";
import { encodeContents, type PackedFrame } from "../../../../core/format/packs/pack.ts";
import { sha256 } from "../../../../core/format/sha256.ts";
import { noise } from "../noise.ts";
import { day, Rig } from "../rig.ts";
import { factsOf, type IndexFacts, loseIndex, loseState, type Rebuilt, rebuild } from "./support.ts";

const bytes = (text: string): Buffer => Buffer.from(text);
const idOf = (content: Uint8Array): Buffer => Buffer.from(sha256(content), "hex");

/** A rig that has archived, and lost its index and state; with what the index said. */
async function bereft() {
  const rig = await Rig.make();
  await rig.write("a", noise(50_000, 1));
  const { backup } = await rig.run();
  const lost = await factsOf(rig);
  await loseIndex(rig);
  await loseState(rig);
  return { rig, lost, backup, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

async function plant(rig: Rig, key: string, body: Uint8Array, metadata: Record<string, string> = {}): Promise<void> {
  const until = new Date(rig.now().getTime() + 90 * day);
  await rig.bucket.put(key, body, { retention: { mode: "GOVERNANCE", until }, metadata });
}

/** Under the name that its bytes ask for. */
async function plantPack(rig: Rig, body: Uint8Array): Promise<string> {
  const key = `packs/${sha256(body)}.zst`;
  await plant(rig, key, body);
  return key;
}

function packOf(stored: Uint8Array, frames: readonly PackedFrame[]): Uint8Array {
  return Buffer.concat([stored, encodeContents(frames)]);
}

/** The index is as it was; of what was planted, one thing is reported. */
async function refuses(
  rig: Rig,
  lost: IndexFacts,
  key: string,
  how: string,
  { trustTables = false } = {},
): Promise<Rebuilt> {
  const rebuilt = await rebuild(rig, { trustTables });
  expect(rebuilt.heard).toEqual([
    `warning not-indexed: ${JSON.stringify(key)} is not indexed: it is damaged: ${how}; what it should hold is stored again`,
  ]);
  expect(rebuilt.figures).toMatchObject({ objects: 1, damaged: 1, unread: 0 });
  expect(await factsOf(rig)).toEqual(lost);
  return rebuilt;
}

const good = bytes("good content");
const frame = rawFrame(good);
const chunk = { id: idOf(good), length: good.length };
const lengthOf = (more: number) => [{ length: frame.length, chunks: [{ id: chunk.id, length: good.length + more }] }];

describe("a pack that is what its name says", () => {
  test("a pack that is what its name says is indexed, if what it says of itself is so", async () => {
    await using scene = await bereft();
    const { rig, lost } = scene;
    const key = await plantPack(rig, packOf(frame, [{ length: frame.length, chunks: [chunk] }]));
    const { figures, heard } = await rebuild(rig);
    expect([figures.objects, heard]).toEqual([2, []]);
    const { objects, chunks } = await factsOf(rig);
    expect(objects.filter((object) => !object.startsWith(key))).toEqual([...lost.objects]);
    expect(objects).toHaveLength(2);
    expect(chunks).toContainEqual(expect.stringContaining(`${sha256(good)} in ${key}`));
  });

  test("a pack that is what its name says is not indexed if its table gives a chunk the id of another, unless tables are to be trusted", async () => {
    await using scene = await bereft();
    const { rig, lost } = scene;
    const wanted = idOf(noise(50_000, 2));
    const lie = packOf(frame, [{ length: frame.length, chunks: [{ id: wanted, length: good.length }] }]);
    await refuses(rig, lost, await plantPack(rig, lie), "a chunk is not what its table of contents says");
    await loseIndex(rig);
    await rebuild(rig, { trustTables: true });
    expect((await factsOf(rig)).chunks).toContainEqual(expect.stringContaining(wanted.toString("hex")));
  });

  const lies: [what: string, pack: Uint8Array, how: string][] = [
    [
      "has a chunk that is longer than its frame",
      packOf(frame, lengthOf(1)),
      "a frame does not have the length that its table of contents says",
    ],
    [
      "has a chunk that is shorter than its frame",
      packOf(frame, lengthOf(-1)),
      "a zstd frame says that it holds 12 bytes, more than the 11 allowed",
    ],
    [
      "has two frames where its table has one",
      packOf(Buffer.concat([frame, frame]), [{ length: 2 * frame.length, chunks: [chunk] }]),
      "something follows a zstd frame",
    ],
    ["is no zstd frame", packOf(bytes("something else"), [{ length: 14, chunks: [chunk] }]), "not a zstd frame"],
  ];
  test.each(lies)("a pack that is what its name says is not indexed if it %s", async (_, pack, how) => {
    await using scene = await bereft();
    await refuses(scene.rig, scene.lost, await plantPack(scene.rig, pack), how);
  });

  const huge = { id: chunk.id, length: 2 ** 32 - 1 };
  const tables: [what: string, pack: Uint8Array, how: string][] = [
    ["has no table", bytes("no pack at all"), "a pack has no table of contents"],
    ["is shorter than any table", bytes("x"), "a pack has no table of contents"],
    [
      "says that it has more frames than it has bytes",
      packOf(frame, [{ length: 9 * frame.length, chunks: [chunk] }]),
      "a pack's table of contents does not fit its size",
    ],
    [
      "has bytes between its frames",
      packOf(frame, [{ length: 1, chunks: [chunk] }]),
      "a pack's table of contents does not fit its size",
    ],
    [
      "has a frame that would fill the memory",
      packOf(frame, [{ length: frame.length, chunks: [huge, huge] }]),
      "a frame of 8589934590 bytes is more than any pack has",
    ],
    [
      "has an empty frame",
      packOf(frame, [
        { length: 0, chunks: [chunk] },
        { length: frame.length, chunks: [chunk] },
      ]),
      "a pack's table of contents has an empty frame or chunk",
    ],
    [
      "has an empty chunk",
      packOf(frame, [{ length: frame.length, chunks: [chunk, { ...chunk, length: 0 }] }]),
      "a pack's table of contents has an empty frame or chunk",
    ],
    [
      "says that its table is longer than itself",
      Buffer.concat([frame, bytes("\xff\xff\xff\x00"), Buffer.from("SBPACK\0\x01", "latin1")]),
      "a pack's table of contents is longer than any pack has",
    ],
  ];
  test.each(tables)("a pack that is what its name says is not even read if it %s", async (_, pack, how) => {
    await using scene = await bereft();
    const key = await plantPack(scene.rig, pack);
    const size = pack.length;
    const { counts } = await refuses(scene.rig, scene.lost, key, how);
    // The end of each pack, and all of the good one.
    expect(counts.get).toBe(3);
    expect(size).toBeLessThan(64 * 1024);
    await loseIndex(scene.rig);
    await refuses(scene.rig, scene.lost, key, how, { trustTables: true });
  });
});

describe("a pack that is not what its name says", () => {
  test("a pack that is not what its name says is not indexed, though what it says of itself is so", async () => {
    await using scene = await bereft();
    const key = `packs/${"0".repeat(64)}.zst`;
    await plant(scene.rig, key, packOf(frame, [{ length: frame.length, chunks: [chunk] }]));
    await refuses(scene.rig, scene.lost, key, "its bytes do not have the SHA-256 of its name");
  });

  test("a pack that has another digest than its name, since a bit of it changed, is not indexed, and its content is stored again", async () => {
    await using scene = await bereft();
    const { rig } = scene;
    const [key = ""] = await rig.keys("packs/");
    const path = join(rig.path, "bucket", key);
    const stored = await readFile(path);
    stored[30_000] = (stored[30_000] ?? 0) ^ 1;
    await writeFile(path, stored);
    await rig.write("b", noise(60_000, 3));
    await rig.run({ name: "other", content: { shareWith: [] } });
    await loseIndex(rig);
    const { figures, heard } = await rebuild(rig);
    expect(heard).toEqual([
      expect.stringContaining(`not-indexed: ${JSON.stringify(key)} is not indexed: it is damaged`),
    ]);
    expect(figures).toMatchObject({ objects: 1, damaged: 1 });
    const { backup, summary } = await rig.run();
    expect(summary.bytesStored).toBe(0);
    expect((await backup.read(rig.file("a"))).equals(noise(50_000, 1))).toBe(true);
  });

  test("a pack that is not what its name says since its bytes are another moment's than its table, is not indexed", async () => {
    await using scene = await bereft();
    const { rig } = scene;
    const [key = ""] = await rig.keys("packs/");
    const other = packOf(frame, [{ length: frame.length, chunks: [chunk] }]);
    // The first read is that of the table.
    let reads = 0;
    const around = (bucket: typeof rig.bucket) =>
      wrapBucket(bucket, {
        get: (name, options) =>
          name === key && ++reads > 1
            ? (async function* () {
                yield other;
              })()
            : bucket.get(name, options),
      });
    const { figures } = await rebuild(rig, { around });
    expect(figures).toMatchObject({ objects: 0, damaged: 1 });
  });

  test("a pack that is not what its name says and lies over one that is, does not hide it", async () => {
    await using scene = await bereft();
    const { rig, lost } = scene;
    const [key = ""] = await rig.keys("packs/");
    for (let number = 0; number < 20; number += 1) await plant(rig, key, bytes(`junk ${number}`));
    const { figures } = await rebuild(rig);
    expect(figures).toMatchObject({ objects: 1, damaged: 0 });
    expect(await factsOf(rig)).toEqual(lost);
  });
});

test("a pack that was stored twice is indexed once, in the version that is locked the longest", async () => {
  await using scene = await bereft();
  const { rig, lost } = scene;
  const [key = ""] = await rig.keys("packs/");
  await plant(rig, key, await readFile(join(rig.path, "bucket", key)));
  const { figures } = await rebuild(rig);
  expect(figures).toMatchObject({ objects: 1, chunks: lost.chunks.length });
  const [latest] = (await Array.fromAsync(rig.bucket.listVersions(key))).flat();
  expect((await factsOf(rig)).objects).toEqual([expect.stringContaining(`${key} ${latest?.version} `)]);
});

describe("a file's own object", () => {
  const key = `content/${sha256(good)}`;
  const sound: [what: string, body: Uint8Array, metadata: Record<string, string>][] = [
    ["as it is", good, {}],
    ["in gzip", gzipSync(good), { "storage-encoding": "gzip" }],
    ["in zstd", Bun.zstdCompressSync(good), { "storage-encoding": "zstd" }],
  ];
  test.each(sound)("a file's own object stored %s is indexed", async (_, body, metadata) => {
    await using scene = await bereft();
    await plant(scene.rig, key, body, metadata);
    const { figures, heard } = await rebuild(scene.rig);
    expect([figures.objects, heard]).toEqual([2, []]);
    const encoding = metadata["storage-encoding"] ?? "none";
    const place = ` ${body.length} ${encoding} at 0+${body.length} 0+${good.length}`;
    const { chunks } = await factsOf(scene.rig);
    expect(chunks.filter((one) => one.startsWith(`${sha256(good)} in ${key} `) && one.endsWith(place))).toHaveLength(1);
  });

  const wrong: [what: string, body: Uint8Array, metadata: Record<string, string>, how: string][] = [
    ["has other content than its name", bytes("bad content"), {}, "its content does not have the SHA-256 of its name"],
    ["is stored in another encoding than it says", good, { "storage-encoding": "gzip" }, "it cannot be decompressed"],
    ["is cut short", gzipSync(good).subarray(0, -9), { "storage-encoding": "gzip" }, "it cannot be decompressed"],
    [
      "has an encoding that is unknown",
      good,
      { "storage-encoding": "rot13" },
      'it is stored as "rot13", which this sysbackup cannot decode',
    ],
  ];
  test.each(wrong)(
    "a file's own object that %s is not indexed, even if tables are to be trusted",
    async (_, body, metadata, how) => {
      await using scene = await bereft();
      await plant(scene.rig, key, body, metadata);
      await refuses(scene.rig, scene.lost, key, how, { trustTables: true });
    },
  );
});

test.each(["packs", "content"])("reading %s that are damaged ends when the damage is found", async (folder) => {
  await using scene = await bereft();
  const { rig } = scene;
  const damaged = Buffer.alloc(4 * 1024 * 1024, 1);
  const contents = encodeContents([{ length: damaged.length, chunks: [{ id: chunk.id, length: 4 * 1024 * 1024 }] }]);
  const pack = Buffer.concat([damaged, contents]);
  if (folder === "packs") await plantPack(rig, pack);
  else await plant(rig, `content/${sha256(good)}`, damaged, { "storage-encoding": "zstd" });
  let open = 0;
  const around = (bucket: typeof rig.bucket) =>
    wrapBucket(bucket, {
      get: async function* (key, options) {
        open += 1;
        try {
          yield* bucket.get(key, options);
        } finally {
          open -= 1;
        }
      },
    });
  const { figures } = await rebuild(rig, { around });
  expect([figures.damaged, open]).toEqual([1, 0]);
});

test("what has another name than packs and contents have is left alone", async () => {
  await using scene = await bereft();
  for (const key of ["packs/x.zst", `packs/${"0".repeat(64)}.zst.age`, "content/x", "content/a/b"]) {
    await plant(scene.rig, key, good);
  }
  const { figures, heard } = await rebuild(scene.rig);
  expect([figures, heard]).toMatchObject([{ objects: 1, damaged: 0, unread: 0, expiring: 0 }, []]);
});

test("a damaged index object of the name is passed over, and what it had is read from packs", async () => {
  await using rig = await Rig.make();
  await rig.write("a", noise(50_000, 1));
  await rig.run();
  const lost = await factsOf(rig);
  const [key = ""] = await rig.keys("index/");
  await writeFile(join(rig.path, "bucket", key), (await readFile(join(rig.path, "bucket", key))).fill(0, 40, 60));
  const { figures, heard } = await rebuild(rig);
  expect(heard).toEqual([
    expect.stringMatching(/^warning index-damaged: .* is skipped: .*; what it has is read from packs$/),
  ]);
  expect(figures.objects).toBe(1);
  await loseState(rig);
  const { summary } = await rig.run();
  expect(summary.bytesStored).toBe(0);
  expect(lost.objects).toHaveLength(1);
});

describe("objects that are denied to everybody", () => {
  test("a pack and an index object that the bucket encrypted with another's key end no rebuild, and a role without rights is an error", async () => {
    await using machine = await bereft();
    const { rig, lost } = machine;
    const pack = await plantPack(rig, Buffer.from("junk"));
    const index = keys.index("host", { start: rig.now(), run: "0000000a" });
    await plant(rig, index, Buffer.from("junk"));
    const refusing = (isDenied: (key: string) => boolean) => (bucket: Bucket) =>
      wrapBucket(bucket, {
        get: (key, options) => {
          if (isDenied(key)) throw new BucketError("denied", { doing: "read", what: key, why: "access denied" });
          return bucket.get(key, options);
        },
      });
    await expect(rebuild(rig, { around: refusing(() => true) })).rejects.toMatchObject({ kind: "denied" });
    const { figures, heard } = await rebuild(rig, { around: refusing((key) => key === pack || key === index) });
    expect(figures).toMatchObject({ objects: 1, unread: 1 });
    expect(heard).toContainEqual(expect.stringContaining(`${JSON.stringify(pack)} is not indexed: it cannot be read`));
    expect(heard).toContainEqual(expect.stringContaining(`the index object ${JSON.stringify(index)} is skipped`));
    const built = (await rig.keys("index/host/")).filter((key) => key.includes("0123abcd"));
    expect([built.length, lost.objects.length]).toEqual([1, 1]);
  });
});
