import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FormatError } from "../../../../core/format/error.ts";
import { decodeIndex, encodeIndex, type IndexLine } from "../../../../core/format/index/index-object.ts";
import { decodeVerified, encodeVerified } from "../../../../core/format/index/verified-object.ts";
import { once } from "../../../../core/stored/bytes.ts";

const run = "9f86d081";
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const date = fc.integer({ min: 0, max: 4_000_000_000_000 }).map((milliseconds) => new Date(milliseconds).toISOString());

/** Objects, each followed by frames that lie in it; and extensions. */
const lines: fc.Arbitrary<IndexLine[]> = fc
  .array(
    fc.record({
      digest: hex(64),
      version: fc.stringMatching(/^[!-~]{1,40}$/),
      frames: fc.array(fc.array(fc.tuple(hex(64), fc.nat(2_000_000)), { maxLength: 5 }), { maxLength: 4 }),
      until: date,
      extended: fc.boolean(),
    }),
    { maxLength: 6 },
  )
  .map((objects) =>
    objects.flatMap(({ digest, version, frames, until, extended }, number): IndexLine[] => {
      const key = `packs/${digest}.zst`;
      const size = 100 * frames.length + 50;
      return [
        { object: { key, version, size, encoding: "frames", retain_until: until } },
        ...frames.map((chunks, frame): IndexLine => ({ frame: [number, frame * 100, 100, chunks] })),
        ...(extended ? [{ extended: { key, version, retain_until: until } }] : []),
      ];
    }),
  );

const encode = (these: readonly IndexLine[], of = run) => Buffer.from([...encodeVerified(of, these)].join(""));

const decode = (bytes: Uint8Array) => Array.fromAsync(decodeVerified(once(bytes), run));

describe("a verified object", () => {
  test("a verified object decodes to the lines that it was made from", async () => {
    await fc.assert(fc.asyncProperty(lines, async (these) => expect(await decode(encode(these))).toEqual(these)));
  });

  test("a verified object with any byte changed, missing or added is refused", async () => {
    await fc.assert(
      fc.asyncProperty(
        lines,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom("change", "drop", "add"),
        async (these, at, by, how) => {
          const bytes = encode(these);
          const place = at % bytes.length;
          const altered = Buffer.from(bytes);
          altered[place] = (altered[place] ?? 0) ^ by;
          const rest = how === "drop" ? bytes.subarray(place + 1) : bytes.subarray(place);
          const spoiled =
            how === "change"
              ? altered
              : Buffer.concat([bytes.subarray(0, place), ...(how === "add" ? [Buffer.of(by)] : []), rest]);
          if (spoiled.equals(bytes)) return;
          await expect(decode(spoiled)).rejects.toThrow(FormatError);
        },
      ),
    );
  });

  test("a verified object of another run than its key, or that is an index object, is refused", async () => {
    const line: IndexLine = { extended: { key: "packs/a", version: "v", retain_until: "2026-11-21T02:00:03.000Z" } };
    await expect(decode(encode([line], "00000000"))).rejects.toThrow(/its key does not/);
    const index = Buffer.from([...encodeIndex("web-1", run, [line])].join(""));
    await expect(decode(index)).rejects.toThrow(/it is a "sysbackup-index", not a sysbackup-verified/);
    await expect(Array.fromAsync(decodeIndex(once(encode([line]))))).rejects.toThrow(
      /it is a "sysbackup-verified", not a sysbackup-index/,
    );
  });
});
