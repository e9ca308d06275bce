/** What verify finds wrong is stored again by the next archive; what a false manifest says is wrong is not. */

import { describe, expect, test } from "bun:test";
import { distrust } from "../../../core/archive/state/distrust.ts";
import type { Entry, ObjectRef } from "../../../core/format/entries/entry.ts";
import { encodeHead } from "../../../core/format/entries/entry-json.ts";
import { encodeExtents, entryLine } from "../../../core/format/entries/entry-row.ts";
import { decodeIndex, encodeIndex, type IndexLine } from "../../../core/format/index/index-object.ts";
import { keys } from "../../../core/format/keys/keys.ts";
import { textOf } from "../../../core/format/lines/lines.ts";
import { encodeManifest } from "../../../core/format/manifest/manifest.ts";
import { decodePart, encodePart } from "../../../core/format/manifest/part.ts";
import { once } from "../../../core/stored/bytes.ts";
import { sha256 } from "../../core/archive/backup.ts";
import { noise } from "../../core/archive/noise.ts";
import { day, Rig, type RigRun } from "../../core/archive/rig.ts";
import { attack } from "../../support/attack.ts";
import { change, everything, keyOf, lose, verified } from "./plant.ts";

async function rigWithFiles(): Promise<Rig> {
  const rig = await Rig.make();
  await rig.write("small", noise(5_000, 1));
  await rig.write("large", noise(3_000_000, 2));
  return rig;
}

async function isWhole(rig: Rig, { backup }: RigRun): Promise<boolean> {
  const [one, two] = await Promise.all([backup.read(rig.file("small")), backup.read(rig.file("large"))]);
  return one.equals(noise(5_000, 1)) && two.equals(noise(3_000_000, 2));
}

/** Verifies all backups with their content, and notes the damage in the state of `host`. Returns how much that was. */
async function verifyAndNote(rig: Rig): Promise<number> {
  const { damage } = await verified({ bucket: rig.bucket, now: rig.now, read: everything });
  expect(damage.length).toBeGreaterThan(0);
  const { config } = rig.job(() => {}, rig.bucket);
  return distrust(config, rig.bucket.url, damage);
}

type Forgery = { readonly object?: (ref: ObjectRef) => ObjectRef; readonly entry?: (entry: Entry) => Entry };

function lineOf(entry: Entry): string {
  if (entry.type !== "file") return entryLine(encodeHead(entry), null);
  return entryLine(encodeHead(entry), encodeExtents(entry.extents));
}

/** Puts a manifest of another name that says of the host's objects and files what is not so. */
async function forge(rig: Rig, { backup: { manifest } }: RigRun, { object, entry }: Forgery): Promise<void> {
  const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + 60 * day) } as const;
  const parts = [];
  for (const part of manifest.parts) {
    const stored = Buffer.concat(await Array.fromAsync(rig.bucket.get(part.key, { version: part.version })));
    const { objects, entries } = decodePart(textOf(Bun.zstdDecompressSync(stored)));
    const lines = [...entries].flatMap((one) => (one.type === "segment" ? [] : [lineOf(entry?.(one) ?? one)]));
    const text = encodePart(
      objects.map((ref) => object?.(ref) ?? ref),
      lines,
    );
    const bytes = Bun.zstdCompressSync(text);
    const put = await rig.bucket.put(keys.part("liar", sha256(bytes)), bytes, { retention });
    parts.push({ ...part, ...put, sha256: sha256(bytes) });
  }
  const header = { ...manifest.header, name: "liar" };
  const text = encodeManifest({ ...manifest, header, parts });
  const id = { start: new Date(manifest.header.started), run: manifest.header.run };
  await rig.bucket.put(keys.manifest("liar", id), Bun.zstdCompressSync(text), { retention });
}

describe("a false manifest", () => {
  const firstOf = (entry: Entry): Entry => {
    if (entry.type !== "file" || entry.size !== 5_000) return entry;
    return {
      ...entry,
      extents: entry.extents.map((extent) => ({ ...extent, sha256: sha256(Buffer.from("another")) })),
    };
  };
  const tooLong = (entry: Entry): Entry => {
    if (entry.type !== "file" || entry.size !== 5_000) return entry;
    return {
      ...entry,
      extents: entry.extents.map((extent) => ({ ...extent, frameOffset: 3, frameLength: 2_900_000 })),
    };
  };
  const forgeries: readonly [string, Forgery][] = [
    ["a false size of a pack", { object: (ref) => ({ ...ref, size: ref.size + 1_000 }) }],
    ["a pack as one gzip file", { object: (ref) => ({ ...ref, encoding: "gzip" }), entry: gone }],
    ["false content of a pack", { entry: firstOf }],
    ["a frame that is none", { entry: tooLong }],
  ];

  function gone(entry: Entry): Entry {
    return entry.type === "file" ? { ...entry, size: 0, holes: [], extents: [] } : entry;
  }

  for (const [variant, forgery] of forgeries) {
    attack(
      {
        by: "H",
        what: "a manifest of another host says of a shared pack what is not so, and the victim runs verify --all",
        before: "the victim distrusted its sound packs and stored everything again",
        now: "only what the victim itself believed, and was found wrong, is stored again",
      },
      async () => {
        await using rig = await rigWithFiles();
        await forge(rig, await rig.run(), forgery);
        expect(await verifyAndNote(rig)).toBe(0);
        const next = await rig.run();
        expect(next.summary).toMatchObject({ objectsStored: 0, unchanged: 2 });
      },
      { variant },
    );
  }
});

describe("damage that verify finds", () => {
  const damages: readonly [string, (rig: Rig) => Promise<void>][] = [
    ["a pack that is gone", async (rig) => lose(rig, await keyOf(rig, "packs/"))],
    ["a pack that is shorter", async (rig) => change(rig, await keyOf(rig, "packs/"), (bytes) => bytes.subarray(9))],
    [
      "a pack with a flipped bit",
      async (rig) =>
        change(rig, await keyOf(rig, "packs/"), (bytes) => {
          bytes[1_000] = (bytes[1_000] ?? 0) ^ 1;
          return bytes;
        }),
    ],
  ];
  test.each(damages)("%s is stored again by the next archive", async (_, plant) => {
    await using rig = await rigWithFiles();
    await rig.run();
    await plant(rig);
    expect(await verifyAndNote(rig)).toBe(1);
    const next = await rig.run();
    expect(next.summary).toMatchObject({ objectsStored: 1 });
    expect(await isWhole(rig, next)).toBe(true);
  });

  test("a part of the manifest that is damaged is stored again by the next archive", async () => {
    await using rig = await rigWithFiles();
    await rig.run();
    await change(rig, await keyOf(rig, "manifests/host/parts/"), (bytes) => bytes.fill(7, 20, 30));
    expect(await verifyAndNote(rig)).toBe(1);
    const next = await rig.run();
    expect(next.summary).toMatchObject({ objectsStored: 0 });
    expect(await isWhole(rig, next)).toBe(true);
  });

  test("what an index lied about a chunk is stored again by the host that believed it", async () => {
    await using rig = await rigWithFiles();
    await rig.write("twin", noise(5_000, 3));
    await rig.run({ name: "friend" });
    const [key = ""] = await rig.keys("index/friend/");
    const stored = Buffer.concat(await Array.fromAsync(rig.bucket.get(key)));
    // Two files of one size are said to lie where the other one does.
    const lying = (await Array.fromAsync(decodeIndex(once(Bun.zstdDecompressSync(stored))))).map((line): IndexLine => {
      if (!("frame" in line)) return line;
      const [object, offset, length, chunks] = line.frame;
      const [one, two] = chunks.filter(([, size]) => size === 5_000);
      if (one === undefined || two === undefined) return line;
      const swapped = chunks.map((chunk) => (chunk === one ? two : chunk === two ? one : chunk));
      return { frame: [object, offset, length, swapped] };
    });
    const run = /-(.{8})\./.exec(key)?.[1] ?? "";
    const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + 60 * day) } as const;
    const bytes = Bun.zstdCompressSync([...encodeIndex("liar", run, lying)].join(""));
    await rig.bucket.put(key.replace("/friend/", "/liar/"), bytes, { retention });
    const sharing = { content: { shareWith: ["liar"] } };
    expect((await rig.run(sharing)).summary.objectsStored).toBe(0);
    expect(await verifyAndNote(rig)).toBe(1);
    const next = await rig.run(sharing);
    expect(next.summary.objectsStored).toBe(1);
    expect(await isWhole(rig, next)).toBe(true);
  });
});
