import { describe, expect, spyOn, test } from "bun:test";
import type { BundleRef, Manifest } from "../../../core/format/manifest/manifest.ts";
import { diffBackups } from "../../../restore/browse/diff.ts";
import { pairsOf } from "../../../restore/browse/pairs.ts";
import { Fixture, file, folder } from "../support.ts";
import { noted, signal } from "./support.ts";

describe("pairs", () => {
  const pairs = (one: string, other: string) =>
    [...pairsOf([...one], [...other], (letter) => (letter === "-" ? undefined : letter.toLowerCase()))].map((pair) =>
      pair.join(""),
    );

  test("pairs come in order, each item has one partner, and those without a key have none", () => {
    expect(pairs("abc", "xCBA")).toEqual(["aA", "bB", "cC"]);
    expect(pairs("aAb", "Aa")).toEqual(["aA", "Aa"]);
    expect(pairs("a-", "-")).toEqual([]);
    expect(pairs("", "a")).toEqual([]);
  });

  test("each key is asked for once, however many items there are", () => {
    let asked = 0;
    const numbers = Array.from({ length: 5_000 }, (_, number) => number);
    const key = (number: number) => {
      asked += 1;
      return `${number}`;
    };
    expect([...pairsOf(numbers, numbers.toReversed(), key)]).toHaveLength(5_000);
    expect(asked).toBe(10_000);
  });
});

describe("a forged manifest with very many bundles of the same folder", () => {
  /** Bundles of `/a`, each with a table of its own as the root says. */
  function forged({ parts, ...manifest }: Manifest, bundles: number, seed: string): Manifest {
    const [part] = parts;
    if (part === undefined) throw new Error("no part");
    const bundle = (number: number): BundleRef => ({
      ...{ section: "s", path: part.first, depth: 0, key: `bundles/host/a${number}.tar.zst`, version: "v", size: 1 },
      ...{ encoding: "zstd", storage_class: "STANDARD", fingerprint: "0".repeat(64), files: 1 },
      table: [{ ...part, entries: number + 2, key: `bundles/host/a.toc/${seed}${number}.jsonl.zst` }],
    });
    return { ...manifest, parts, bundles: Array.from({ length: bundles }, (_, number) => bundle(number)) };
  }

  /** How often parts were compared with others. */
  async function comparisons(bundles: number): Promise<number> {
    await using fixture = await Fixture.open();
    const { manifest } = await fixture.backup([folder("/a"), file("/a/f", "1")]);
    const { manifest: other } = await fixture.backup([folder("/a"), file("/a/f", "2")], {
      start: new Date("2026-11-22T02:00:00Z"),
    });
    const stringify = spyOn(JSON, "stringify");
    try {
      const before = forged(manifest, bundles, "0");
      const after = forged(other, bundles, "1");
      const { gaps } = noted();
      const differences = await Array.fromAsync(
        diffBackups({ bucket: fixture.bucket, before, after, gaps, signal }),
        ({ path }) => String(path),
      );
      expect(differences).toEqual([]);
      expect(gaps.exit).toBe(4);
      return stringify.mock.calls.filter(([value]) => Array.isArray(value)).length;
    } finally {
      stringify.mockRestore();
    }
  }

  test("diff tells each part from the others by as many comparisons as there are parts", async () => {
    const [few, many] = [await comparisons(100), await comparisons(800)];
    expect(few).toBeGreaterThan(100);
    expect(many / few).toBeLessThan(10);
  });
});
