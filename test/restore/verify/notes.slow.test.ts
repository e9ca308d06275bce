/** What verify reads whole is noted under verified/, and other machines build upon it. */

import { describe, expect, test } from "bun:test";
import { type Bucket, BucketError } from "../../../core/bucket/contract.ts";
import { count, noCounts } from "../../../core/bucket/decorators/count.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { decodeIndex, encodeIndex, type IndexLine } from "../../../core/format/index/index-object.ts";
import { decodeVerified } from "../../../core/format/index/verified-object.ts";
import { once } from "../../../core/stored/bytes.ts";
import { Notes } from "../../../restore/verify/notes.ts";
import { noise } from "../../core/archive/noise.ts";
import { day, Rig, type RigRun } from "../../core/archive/rig.ts";
import { notebook } from "../../core/archive/scripts.ts";
import { attack } from "../../support/attack.ts";
import { change, everything, keyOf, type Verified, verified } from "./plant.ts";

const small = noise(5_000, 1);
const large = noise(3_000_000, 2);
const sparse = Buffer.concat([noise(4_096, 3), Buffer.alloc(200_000), noise(4_096, 4)]);
const files = { small, large, sparse } as const;

async function rigWithFiles(): Promise<Rig> {
  const rig = await Rig.make();
  for (const [name, bytes] of Object.entries(files)) await rig.write(name, bytes);
  return rig;
}

async function isWhole(rig: Rig, { backup }: RigRun): Promise<boolean> {
  const found = await Promise.all(
    Object.entries(files).map(async ([name, bytes]) => (await backup.read(rig.file(name))).equals(bytes)),
  );
  return found.every(Boolean);
}

type Reading = { readonly new?: boolean; readonly name?: string; readonly bucket?: Bucket };

/** Verifies all backups, or those of a name, with all content or what nobody has read. */
async function read(rig: Rig, { bucket = rig.bucket, ...how }: Reading = {}) {
  const { heard, notify } = notebook();
  const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + 37 * day) } as const;
  const { signal } = new AbortController();
  const notes = await Notes.open({ bucket, retention, run: "9f86d081", now: rig.now, notify, signal });
  if (notes === undefined) throw new Error("verified/ may not be read");
  try {
    const choose = how.new === true ? notes.lacks.bind(notes) : everything;
    const verdict: Verified = await verified({
      bucket,
      now: rig.now,
      read: choose,
      notes,
      ...(how.name && { name: how.name }),
    });
    return { verdict, heard };
  } finally {
    notes[Symbol.dispose]();
  }
}

async function notedFacts(rig: Rig): Promise<string[]> {
  const noted: string[] = [];
  for (const key of await rig.keys("verified/")) {
    const stored = Buffer.concat(await Array.fromAsync(rig.bucket.get(key)));
    noted.push(...facts(await Array.fromAsync(decodeVerified(once(Bun.zstdDecompressSync(stored)), "9f86d081"))));
  }
  return noted.sort();
}

/** What an index object or verified object says of chunks and objects, in comparable order. */
function facts(lines: readonly IndexLine[]): string[] {
  const keys: string[] = [];
  return lines
    .flatMap((line) => {
      if ("object" in line) {
        keys.push(line.object.key);
        return [`${line.object.key} ${line.object.version} ${line.object.size} ${line.object.encoding}`];
      }
      if (!("frame" in line)) return [];
      const [object, ...frame] = line.frame;
      return [`${keys[object]} ${JSON.stringify(frame)}`];
    })
    .sort();
}

describe.each([
  ["packs", { layout: "packs" }],
  ["objects", { layout: "objects", compression: "gzip", compressionLevel: 6 }],
  ["objects, uncompressed", { layout: "objects", compression: "none", compressionLevel: 0 }],
] as const)("what verify has read, %s", (_, content) => {
  test("what verify has read is noted as the index has it, once", async () => {
    await using rig = await rigWithFiles();
    await rig.run({ content });
    const [index = ""] = await rig.keys("index/host/");
    const stored = Buffer.concat(await Array.fromAsync(rig.bucket.get(index)));
    const first = await read(rig);
    expect(first.verdict).toMatchObject({ state: "restorable", read: { noted: (await contents(rig)).length } });
    expect(await notedFacts(rig)).toEqual(
      facts(await Array.fromAsync(decodeIndex(once(Bun.zstdDecompressSync(stored))))),
    );
    expect((await read(rig)).verdict.read).toMatchObject({
      objects: (await contents(rig)).length,
      noted: 0,
      frozen: 0,
    });
    expect((await read(rig, { new: true })).verdict.read).toEqual({ objects: 0, bytes: 0, noted: 0, frozen: 0 });
  });

  test("what verify has read is not stored by other machines, without share_with", async () => {
    await using rig = await rigWithFiles();
    await rig.run({ content, name: "first" });
    await read(rig);
    const second = await rig.run({ content, name: "second" });
    expect(second.summary).toMatchObject({ new: 3, objectsStored: 0, warnings: 0 });
    expect(await isWhole(rig, second)).toBe(true);
    expect((await verified({ bucket: rig.bucket, now: rig.now, name: "second", read: everything })).state).toBe(
      "restorable",
    );
    const deaf = await rig.run({ content: { ...content, believeVerified: false }, name: "third" });
    expect(deaf.summary.objectsStored).toBe((await contents(rig)).length);
  });
});

const contents = async (rig: Rig) => [...(await rig.keys("packs/")), ...(await rig.keys("content/"))];

describe("verify --read-data new", () => {
  test("verify --read-data new reads what was stored since, and nothing twice", async () => {
    await using rig = await rigWithFiles();
    await rig.run();
    await read(rig, { new: true });
    await rig.write("later", noise(50_000, 5));
    await rig.run();
    const { verdict } = await read(rig, { new: true });
    expect(verdict.read).toMatchObject({ objects: 1, noted: 1 });
    expect((await rig.run({ name: "second" })).summary).toMatchObject({ new: 4, objectsStored: 0 });
  });

  test("verify --read-data new keeps up with locks, so that machines that come later find what was stored long before", async () => {
    await using rig = await rigWithFiles();
    for (let run = 0; run < 6; run += 1) {
      await rig.run({ name: "first" });
      await read(rig, { new: true });
      rig.ahead += 20 * day;
    }
    expect(await rig.keys("packs/")).toHaveLength(1);
    const late = await rig.run({ name: "late" });
    expect(late.summary).toMatchObject({ new: 3, objectsStored: 0 });
    expect((await late.backup.lockedUntil()).getTime()).toBeGreaterThanOrEqual(
      new Date(late.backup.manifest.header.retain_until).getTime(),
    );
  });

  test("verify --read-data new notes nothing that is damaged, and says what is", async () => {
    await using rig = await rigWithFiles();
    await rig.run();
    await change(rig, await keyOf(rig, "packs/"), (bytes) => {
      bytes[1_000] = (bytes[1_000] ?? 0) ^ 1;
      return bytes;
    });
    const { verdict } = await read(rig, { new: true });
    expect(verdict).toMatchObject({ state: "damaged", findings: [{ code: "altered" }], read: { noted: 0, frozen: 0 } });
    expect(await rig.keys("verified/")).toEqual([]);
  });

  test("verify --read-data goes on without notes if the role may not put them, after one refused request", async () => {
    await using rig = await rigWithFiles();
    await rig.run({ content: { layout: "objects" } });
    const counts = noCounts();
    const bucket = count(
      wrapBucket(rig.bucket, {
        put: () => Promise.reject(new BucketError("denied", { doing: "store", why: "access denied" })),
      }),
      counts,
    );
    const { verdict, heard } = await read(rig, { bucket });
    expect(verdict).toMatchObject({ state: "restorable", read: { objects: 3, noted: 0, frozen: 0 } });
    expect(heard).toEqual([expect.stringMatching(/^info not-noted: .*the package's role reader may$/)]);
    expect(counts.put).toBe(1);
  });
});

describe("a lie", () => {
  const strange = ["\u{1f600}", " $(id)", "~", "A"];
  for (const suffix of strange) {
    attack(
      {
        by: "H",
        what: "sound content under a key that archive never makes, which verify reads and other machines have too",
        before:
          "they built upon it; asked for what follows it, the SDK failed, and with it every archive of theirs for ever",
        now: "it is not noted, and they store their own",
      },
      async () => {
        await using rig = await rigWithFiles();
        const content = { layout: "objects" } as const;
        const around = (bucket: Bucket) =>
          wrapBucket(bucket, {
            put: (key, ...how) => bucket.put(key.startsWith("content/") ? `${key}.${suffix}` : key, ...how),
          });
        await rig.run({ name: "thief", content, around });
        const { verdict } = await read(rig, { new: true });
        expect(verdict).toMatchObject({ state: "restorable", read: { noted: 0, frozen: 0 } });
        const victim = await rig.run({ name: "victim", content });
        expect(victim.summary.objectsStored).toBe(3);
        expect(await isWhole(rig, victim)).toBe(true);
      },
      { variant: JSON.stringify(suffix) },
    );
  }

  attack(
    {
      by: "H",
      what: "an index lies about a chunk of a sound pack, and a backup is built on it and then read by verify",
      before: "every machine believed the index",
      now: "what is noted comes from the pack alone: other machines get their files",
    },
    async () => {
      await using rig = await rigWithFiles();
      await rig.run({ name: "friend" });
      const [key = ""] = await rig.keys("index/friend/");
      const stored = Buffer.concat(await Array.fromAsync(rig.bucket.get(key)));
      const lines = await Array.fromAsync(decodeIndex(once(Bun.zstdDecompressSync(stored))));
      const lying = lines.map((line): IndexLine => {
        if (!("frame" in line)) return line;
        const [object, offset, length, chunks] = line.frame;
        const ids = chunks.map(([id]) => id).toReversed();
        return { frame: [object, offset, length, chunks.map(([, size], at) => [ids[at] ?? "", size])] };
      });
      const later = key.replace("/friend/", "/liar/");
      const text = [...encodeIndex("liar", /-(.{8})\./.exec(key)?.[1] ?? "", lying)].join("");
      const until = new Date(rig.now().getTime() + 30 * day);
      await rig.bucket.put(later, Bun.zstdCompressSync(text), { retention: { mode: "GOVERNANCE", until } });
      await read(rig, { new: true });
      const victim = await rig.run({ name: "victim" });
      expect(victim.summary).toMatchObject({ objectsStored: 0 });
      expect(await isWhole(rig, victim)).toBe(true);
    },
  );

  attack(
    {
      by: "W",
      what: "junk and absurd keys under verified/",
      before: "there was no verified/",
      now: "it is reported once, asked for once at most, and hides nothing",
    },
    async () => {
      await using rig = await rigWithFiles();
      await rig.run({ name: "first" });
      const until = new Date(rig.now().getTime() + 30 * day);
      const retention = { mode: "GOVERNANCE", until } as const;
      const soon = rig
        .now()
        .toISOString()
        .replace(/[-:]|\.\d+/g, "");
      for (const stamp of ["99999999T999999Z", "99991231T235959Z", soon]) {
        await rig.bucket.put(`verified/${stamp}-00000000.jsonl.zst`, Buffer.from("junk"), { retention });
      }
      const { verdict, heard } = await read(rig, { new: true });
      expect(verdict.read).toMatchObject({ noted: 1 });
      expect(heard).toEqual([expect.stringMatching(/^warning verified-damaged/)]);
      const second = await rig.run({ name: "second" });
      expect(second.summary).toMatchObject({ objectsStored: 0 });
      expect(second.heard).toHaveLength(2);
      const again = await rig.run({ name: "second" });
      expect(again).toMatchObject({ heard: [], counts: { get: 0 } });
    },
  );
});
