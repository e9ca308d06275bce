/** What others say is stored: a backup rests on it only if it is believed, and looked up. */

import { describe, expect, test } from "bun:test";
import { BucketError } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { decodeIndex, encodeIndex, type IndexLine } from "../../../core/format/index/index-object.ts";
import { keys, type RunId } from "../../../core/format/keys/keys.ts";
import { once } from "../../../core/stored/bytes.ts";
import { attack } from "../../support/attack.ts";
import { noise } from "./noise.ts";
import { day, Rig } from "./rig.ts";
import { isWhole, large, rigWithFiles, small } from "./small-and-large.ts";

const run = "0123abcd";
const retention = (rig: Rig) => ({ mode: "GOVERNANCE", until: new Date(rig.now().getTime() + 60 * day) }) as const;

/** Puts an index object under any key. */
async function tell(rig: Rig, key: string, lines: readonly IndexLine[] | Uint8Array, name = "liar"): Promise<void> {
  const bytes = lines instanceof Uint8Array ? lines : Bun.zstdCompressSync([...encodeIndex(name, run, lines)].join(""));
  await rig.bucket.put(key, bytes, { retention: retention(rig) });
}

const idOf = (rig: Rig): RunId => ({ start: rig.now(), run });

/** The lines of the only index object of a host. */
async function linesOf(rig: Rig, name: string): Promise<IndexLine[]> {
  const [key = ""] = await rig.keys(`index/${name}/`);
  const stored = Buffer.concat(await Array.fromAsync(rig.bucket.get(key)));
  return Array.fromAsync(decodeIndex(once(Bun.zstdDecompressSync(stored))));
}

const changed = (
  lines: readonly IndexLine[],
  by: Partial<Extract<IndexLine, { object: unknown }>["object"]>,
): IndexLine[] => lines.map((line) => ("object" in line ? { object: { ...line.object, ...by } } : line));

describe("an index that claims that everything is stored", () => {
  /** Another machine stores the same files in another bucket: its index is right, but for the bucket. */
  async function claims(rig: Rig): Promise<void> {
    await using other = await Rig.make();
    await other.write("small", small);
    await other.write("large", large);
    await other.run({ name: "liar" });
    await tell(rig, keys.index("liar", idOf(rig)), await linesOf(other, "liar"));
  }

  attack(
    {
      by: "H",
      what: "an index claims that all files of a new machine are stored",
      before: "the new machine stored nothing; verify 0; restore got no file",
      now: "the new machine stores everything itself",
    },
    async () => {
      await using rig = await rigWithFiles();
      await claims(rig);
      const victim = await rig.run();
      expect(victim.summary).toMatchObject({ objectsStored: 1 });
      expect(victim.counts.get).toBe(0);
      expect(await isWhole(rig, victim)).toBe(true);
    },
  );

  attack(
    {
      by: "H",
      what: "an index claims that all files are stored, to a machine that names its host in share_with",
      before: "the machine stored nothing; restore got no file",
      now: "what is claimed is looked up, reported and stored again",
    },
    async () => {
      await using rig = await rigWithFiles();
      await claims(rig);
      const victim = await rig.run({ content: { shareWith: ["liar"] } });
      expect(victim.heard).toEqual([expect.stringMatching(/^warning claim-untrue: 1 objects that others claim/)]);
      expect(await isWhole(rig, victim)).toBe(true);
      const again = await rig.run({ content: { shareWith: ["liar"] } });
      expect(again.heard).toEqual([]);
      expect(again.summary).toMatchObject({ unchanged: 2, objectsStored: 0 });
    },
  );

  test("an index that is right saves a machine that shares with its host from storing anything", async () => {
    await using rig = await rigWithFiles();
    await rig.run({ name: "friend" });
    let asked = 0;
    const second = await rig.run({
      content: { shareWith: ["friend"] },
      around: (bucket) =>
        wrapBucket(bucket, {
          retention: (...args) => {
            asked += 1;
            return bucket.retention(...args);
          },
        }),
    });
    expect(second.summary).toMatchObject({ new: 2, objectsStored: 0 });
    expect(second.heard).toEqual([]);
    expect(asked).toBe(1);
    expect(await isWhole(rig, second)).toBe(true);
    const third = await rig.run({ content: { shareWith: ["friend"] } });
    expect(third.counts).toMatchObject({ list: 2, get: 0 });
    expect(third.summary.objectsStored).toBe(0);
  });

  test("an index whose claims may not be looked up is not believed", async () => {
    await using rig = await rigWithFiles();
    await rig.run({ name: "friend" });
    const victim = await rig.run({
      content: { shareWith: ["friend"] },
      around: (bucket) =>
        wrapBucket(bucket, {
          // biome-ignore lint/correctness/useYield: it fails before.
          async *listVersions() {
            throw new BucketError("denied", { doing: "list", why: "access denied" });
          },
        }),
    });
    expect(victim.heard).toEqual([expect.stringMatching(/^info look-up-denied: .*1 objects are stored again/)]);
    expect(victim.summary).toMatchObject({ objectsStored: 1 });
    expect(await isWhole(rig, victim)).toBe(true);
  });
});

describe("an index that lies about a shared pack", () => {
  const lies: readonly [string, (rig: Rig) => Parameters<typeof changed>[1]][] = [
    ["in another size", () => ({ size: 7_000_000 })],
    ["in another version", () => ({ version: "00000000000000000000000000000000" })],
    ["locked for longer", (rig) => ({ retain_until: new Date(rig.now().getTime() + 900 * day).toISOString() })],
  ];
  for (const [variant, lie] of lies) {
    attack(
      {
        by: "H",
        what: "an index lies about the size, version or lock of a pack that another machine stored",
        before: "parts with the false size, restored by nobody; locks that were never extended",
        now: "the pack is looked up, and its content stored again if it is not as claimed",
      },
      async () => {
        await using rig = await rigWithFiles();
        await rig.run({ name: "friend", content: { daysRetained: 10 } });
        await tell(rig, keys.index("liar", idOf(rig)), changed(await linesOf(rig, "friend"), lie(rig)));
        rig.ahead += 5 * day;
        const victim = await rig.run({ content: { shareWith: ["liar"] } });
        expect(await isWhole(rig, victim)).toBe(true);
        const promised = new Date(victim.backup.manifest.header.retain_until);
        expect((await victim.backup.lockedUntil()).getTime()).toBeGreaterThanOrEqual(promised.getTime());
        for (const { key, version, size } of victim.backup.objectsOf(rig.file("large"))) {
          expect((await rig.bucket.head(key, version))?.size).toBe(size);
        }
      },
      { variant },
    );
  }

  attack(
    {
      by: "H",
      what: "an index lists chunks of 8 PiB before one that a machine needs, to a machine that names its host in share_with",
      before: "parts with offsets that no reader takes, or none at all: every later archive failed",
      now: "it is passed over",
    },
    async () => {
      await using rig = await rigWithFiles();
      await rig.run({ name: "friend" });
      const vast = (id: string): [string, number] => [id.repeat(64), Number.MAX_SAFE_INTEGER];
      const lines = (await linesOf(rig, "friend")).map((line): IndexLine => {
        if (!("frame" in line)) return line;
        const [object, offset, length, chunks] = line.frame;
        return { frame: [object, offset, length, [vast("a"), vast("b"), ...chunks]] };
      });
      await tell(rig, keys.index("liar", idOf(rig)), lines);
      const victim = await rig.run({ content: { shareWith: ["liar"] } });
      expect(victim.heard).toEqual([expect.stringMatching(/^warning index-damaged: .* more than any pack has/)]);
      expect(await isWhole(rig, victim)).toBe(true);
    },
  );

  attack(
    {
      by: "H",
      what: "an index claims that the locks of a machine's own packs were extended for years",
      before: "locks were not extended any more: backups promised more than was locked",
      now: "locks are extended, and sizes stay as they were",
    },
    async () => {
      await using rig = await rigWithFiles();
      await rig.run();
      const lines = await linesOf(rig, "host");
      const far = new Date(rig.now().getTime() + 3_000 * day).toISOString();
      const extensions = lines.flatMap((line): IndexLine[] =>
        "object" in line
          ? [{ extended: { key: line.object.key, version: line.object.version, retain_until: far } }]
          : [],
      );
      await tell(rig, keys.index("liar", idOf(rig)), [
        ...changed(lines, { size: 7_000_000, retain_until: far }),
        ...extensions,
      ]);
      rig.ahead += 20 * day;
      const later = await rig.run({ content: { shareWith: ["*"] } });
      expect(later.summary.objectsStored).toBe(0);
      expect(later.summary.extended).toBeGreaterThan(0);
      expect((await later.backup.lockedUntil()).getTime()).toBeGreaterThanOrEqual(
        new Date(later.backup.manifest.header.retain_until).getTime(),
      );
      expect(await isWhole(rig, later)).toBe(true);
    },
  );
});

describe("junk under index/", () => {
  const names = ["host", "liar", "friend"];
  const junk: readonly [string, (rig: Rig, name: string) => Promise<void>][] = [
    ["four bytes", (rig, name) => tell(rig, keys.index(name, idOf(rig)), Buffer.from("junk"))],
    ["a stamp that is no time", (rig, name) => tell(rig, `index/${name}/99999999T999999Z-${run}.jsonl.zst`, [], name)],
    ["the year 9999", (rig, name) => tell(rig, `index/${name}/99991231T235959Z-${run}.jsonl.zst`, [], name)],
    ["another name within", (rig, name) => tell(rig, keys.index(name, idOf(rig)), [], "somebody")],
    ["another run within", (rig, name) => tell(rig, keys.index(name, { start: rig.now(), run: "99999999" }), [], name)],
  ];
  for (const [variant, put] of junk) {
    attack(
      {
        by: "W",
        what: "junk is put under index/ as the index of any machine",
        before: "every later archive failed, stored everything again, or never read the index of that machine again",
        now: "it is reported once, asked for once at most, and hides no later index object",
      },
      async () => {
        await using rig = await rigWithFiles();
        await rig.run({ name: "friend" });
        for (const name of names) await put(rig, name);
        const sharing = { content: { shareWith: ["friend", "liar"] } };
        const victim = await rig.run(sharing);
        expect(victim.summary).toMatchObject({ objectsStored: 0 });
        expect(await isWhole(rig, victim)).toBe(true);
        expect(victim.heard.length).toBeGreaterThan(0);
        rig.ahead += 1_000;
        await rig.write("new", noise(100_000, 3));
        await rig.run({ name: "friend" });
        const again = await rig.run(sharing);
        expect(again.heard).toEqual([]);
        expect(again.counts.get).toBe(1);
        expect(again.summary).toMatchObject({ new: 1, objectsStored: 0 });
        const third = await rig.run(sharing);
        expect(third).toMatchObject({ heard: [], counts: { get: 0 } });
      },
      { variant },
    );
  }

  attack(
    {
      by: "W",
      what: "an index object is forged under the name of a machine that has a state",
      before: "it was believed",
      now: "it is reported once and ignored",
    },
    async () => {
      await using rig = await rigWithFiles();
      await rig.run({ name: "friend" });
      const lines = await linesOf(rig, "friend");
      await rig.write("own", noise(10_000, 4));
      await rig.run();
      rig.ahead += 1_000;
      const swapped = lines.map((line): IndexLine => {
        if (!("frame" in line)) return line;
        const [object, offset, length, chunks] = line.frame;
        return { frame: [object, offset, length, chunks.toReversed()] };
      });
      await tell(rig, keys.index("host", idOf(rig)), swapped, "host");
      const victim = await rig.run();
      expect(victim.heard).toEqual([expect.stringMatching(/^warning index-not-ours: 1 index objects/)]);
      expect(victim.counts.get).toBe(0);
      expect((await rig.run()).heard).toEqual([]);
    },
  );
});
