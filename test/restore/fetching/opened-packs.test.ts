/** Packs that are sealed as a whole: few are in memory, and those that are needed again are not opened again. */
import { describe, expect, test } from "bun:test";
import { openBy } from "../../../core/format/codecs/sealing.ts";
import type { ObjectRef } from "../../../core/format/entries/entry.ts";
import { altered } from "../../../core/format/error.ts";
import { readRange } from "../../../core/stored/read.ts";
import { OpenedPacks, type ReadablePack } from "../../../restore/fetching/opened-packs.ts";

const size = 100_000;

function pack(name: string): ObjectRef {
  return { key: `packs/${name}.zst.sealed`, version: "1", size, encoding: "frames+through" };
}

/** A bucket that counts what is read of it. What it has is sealed by nothing, and as long as it is stored. */
function counting() {
  const reads: string[] = [];
  const bucket = {
    async *get(key: string) {
      reads.push(key.slice("packs/".length).split(".")[0] ?? "");
      await Bun.sleep(1);
      yield new Uint8Array(size).fill(key.charCodeAt("packs/".length));
    },
  };
  return { reads, bucket };
}

async function bytesOf({ bucket, object }: ReadablePack, range = { start: 0, length: size }) {
  return Buffer.concat(await Array.fromAsync(bucket.get(object.key, { range })));
}

const all = (letter: string) => Buffer.alloc(size, letter);

describe("packs that are sealed", () => {
  test("a pack that was used last is not opened again, and the one that was not used for longest makes room", async () => {
    using _ = openBy("through", (stored) => stored);
    const { reads, bucket } = counting();
    const packs = new OpenedPacks(bucket, { most: 2, atOnce: 1 });
    for (const name of ["a", "b", "a", "c", "a", "b"]) {
      using opened = await packs.open(pack(name));
      expect((await bytesOf(opened)).equals(all(name))).toBe(true);
      expect((await bytesOf(opened, { start: 5, length: 7 })).equals(all(name).subarray(0, 7))).toBe(true);
    }
    expect(reads).toEqual(["a", "b", "c", "b"]);
    expect(["a", "b", "c"].map((name) => packs.holds(pack(name)))).toEqual([true, true, false]);
  });

  test("a pack that is in use keeps its content while others are opened, and more than allowed wait", async () => {
    using _ = openBy("through", (stored) => stored);
    const { reads, bucket } = counting();
    const packs = new OpenedPacks(bucket, { most: 2, atOnce: 2 });
    const first = await packs.open(pack("a"));
    const rest = Promise.all(
      ["b", "b", "c", "d"].map(async (name) => {
        using opened = await packs.open(pack(name));
        await Bun.sleep(1);
        return (await bytesOf(opened)).equals(all(name));
      }),
    );
    expect(await rest).toEqual([true, true, true, true]);
    expect((await bytesOf(first)).equals(all("a"))).toBe(true);
    first[Symbol.dispose]();
    expect(reads).toEqual(["a", "b", "c", "d"]);
  });

  test("a pack that does not open is not held, takes no place, and is tried again by the next who needs it", async () => {
    let isBroken = true;
    using _ = openBy("through", async function* (stored) {
      if (isBroken) throw altered("cut short");
      yield* stored;
    });
    const { reads, bucket } = counting();
    const packs = new OpenedPacks(bucket, { most: 1, atOnce: 1 });
    await expect(packs.open(pack("a"))).rejects.toThrow("cut short");
    await expect(packs.open(pack("a"))).rejects.toThrow("cut short");
    isBroken = false;
    using opened = await packs.open(pack("a"));
    expect((await bytesOf(opened)).equals(all("a"))).toBe(true);
    expect(reads).toEqual(["a"]);
  });

  test("a pack that opens to more than is held, as through a command that compresses, is read to its end", async () => {
    const mib = 1024 * 1024;
    using _ = openBy("through", async function* (stored) {
      for await (const _ of stored);
      for (let number = 0; number < 26; number += 1) yield new Uint8Array(mib).fill(number);
    });
    const { reads, bucket } = counting();
    const packs = new OpenedPacks(bucket, { most: 2, atOnce: 1 });
    for (const name of ["a", "b", "a", "c"]) {
      using opened = await packs.open(pack(name));
      const range = { start: 25 * mib - 1, length: 2 };
      const read = Buffer.concat(await Array.fromAsync(readRange(opened.bucket, opened.object, range)));
      expect([...read]).toEqual([24, 25]);
    }
    // Once to find out, and then for each range.
    expect(reads).toEqual(["a", "a", "b", "b", "a", "c", "c"]);
  });
});
