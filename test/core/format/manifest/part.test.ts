import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FormatError } from "../../../../core/format/error.ts";
import { textOf } from "../../../../core/format/lines/lines.ts";
import { decodePart, encodePart, endsPart } from "../../../../core/format/manifest/part.ts";
import { type ByteString, fromText } from "../../../../core/format/path.ts";
import { entries, objects } from "../arbitraries.ts";
import { comparable, encodeEntry } from "../entry-text.ts";
import { mutated, refusal } from "../mutation.ts";

function bytesOf(...lines: unknown[]): Uint8Array {
  return Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

const head = { format: "sysbackup-part", version: 1 };
const pack = { object: 0, key: "packs/a.zst", version: "1", size: 100, encoding: "frames" };
const folder = { typ: "d", path: "/etc", o: 0, g: 0, uid: 0, gid: 0, mode: 0o755, mt: "0.000000000" };
const file = { ...folder, typ: "f", path: "/etc/motd", size: 3, dat: [[0, 10, 90, 0, 3, "ab".repeat(32)]] };

const encoded = entries.map((list) => Buffer.from(encodePart(objects, list.map(encodeEntry))));

describe("a part", () => {
  test("a part is the same after writing and reading", () => {
    fc.assert(
      fc.property(entries, (list) => {
        const part = decodePart(textOf(Buffer.from(encodePart(objects, list.map(encodeEntry)))));
        expect(part.objects).toEqual(objects);
        expect([...part.entries].map(comparable)).toEqual(list.map(comparable));
      }),
    );
  });

  test("a part with a line of more than 16 MiB, as versions before 0.1.0 wrote it, loses that entry alone, by name", () => {
    const extent = [0, 10, 90, 0, 3, "ab".repeat(32)];
    const { typ, path: _, ...rest } = file;
    const path = '/etc/a "long" one \\ \u00e9';
    const dat = Array(220_000).fill(extent);
    const long = { typ, path, path_b64: "L2V0Yy9pbWFnZf8=", ...rest, dat };
    const bad: unknown[] = [];
    const part = decodePart(textOf(bytesOf(head, pack, folder, long, file)), (entry) => bad.push(entry));
    expect([...part.entries].map(({ path }) => String(path))).toEqual(["/etc", "/etc/motd"]);
    expect(bad).toEqual([{ path: "/etc/image\u00ff", why: "line 4 has more than 16 MiB" }]);
    const named = { typ, path, ...rest, dat };
    const again: unknown[] = [];
    Array.from(decodePart(textOf(bytesOf(head, pack, named)), ({ path }) => again.push(path)).entries);
    expect(again).toEqual([fromText(path)]);
  });

  test("a part changed or cut anywhere gives a FormatError or entries, nothing else", () => {
    const decode = (bytes: Uint8Array) => [...decodePart(textOf(bytes)).entries];
    fc.assert(
      fc.property(mutated(encoded), (bytes) => void refusal(() => decode(bytes))),
      { numRuns: 200 },
    );
  });

  const refused: [string, Uint8Array][] = [
    ["nothing at all", bytesOf()],
    ["something else", bytesOf({ ...head, format: "sysbackup-index" })],
    ["no format", bytesOf({ version: 1 })],
    ["version 0", bytesOf({ ...head, version: 0 })],
    ["no JSON", Buffer.from(`${JSON.stringify(head)}\nentries\n`)],
    ["JSON nested without end", Buffer.from(`${JSON.stringify(head)}\n${"[".repeat(100_000)}\n`)],
    ["an empty line", Buffer.from(`${JSON.stringify(head)}\n\n`)],
    ["a last line without its end", bytesOf(head, pack, file).subarray(0, -1)],
    ["objects numbered with a gap", bytesOf(head, { ...pack, object: 1 })],
    ["an unknown encoding", bytesOf(head, { ...pack, encoding: "lz4" })],
    ["an extent of an object that is not there", bytesOf(head, file)],
    ["an extent beyond its object", bytesOf(head, { ...pack, size: 99 }, file)],
    ["an extent of half an object without frames", bytesOf(head, { ...pack, encoding: "gzip" }, file)],
    ["an object after the entries", bytesOf(head, folder, pack)],
    ["entries out of order", bytesOf(head, pack, file, folder)],
    ["a path twice", bytesOf(head, folder, folder)],
  ];
  test.each(refused)("a part is refused: %s", (_, bytes) => {
    const kind = refusal(() => [...decodePart(textOf(bytes)).entries])?.kind;
    expect(kind).toBe("altered");
  });

  test("parts that must be refused differ from a good one only in what their name says", () => {
    expect([...decodePart(textOf(bytesOf(head, pack, folder, file))).entries]).toHaveLength(2);
  });

  test("a part of a later version is refused as newer, whatever else it holds", () => {
    const later = bytesOf({ ...head, version: 2, shape: "unknown" }, { novelty: true });
    expect(refusal(() => decodePart(textOf(later)))).toEqual(new FormatError("newer", "it has format version 2"));
  });
});

/** Cuts paths as an archive run does; a part is named by its paths. */
function cut(paths: readonly ByteString[], bytesEach = 200): string[] {
  const parts: string[] = [];
  let current: ByteString[] = [];
  for (const path of paths) {
    current.push(path);
    if (!endsPart(path, { entries: current.length, bytes: current.length * bytesEach, objectBytes: 0 })) continue;
    parts.push(current.join("\n"));
    current = [];
  }
  return current.length === 0 ? parts : [...parts, current.join("\n")];
}

describe("cuts between parts", () => {
  const paths = Array.from({ length: 100_000 }, (_, i) => fromText(`/usr/share/${String(i).padStart(6, "0")}`));
  const before = cut(paths);

  test("cuts between parts give parts of about 8,000 entries", () => {
    expect(before.length).toBeGreaterThan(6);
    expect(before.length).toBeLessThan(25);
  });

  test.each([
    ["added at the start", [fromText("/usr/aaa"), ...paths]],
    ["added in the middle", paths.toSpliced(50_000, 0, fromText("/usr/share/049999a"))],
    ["removed", paths.toSpliced(30_000, 1)],
  ])("cuts between parts stay where they are when a file is %s", (_, changed) => {
    const known = new Set(before);
    const fresh = cut(changed).filter((part) => !known.has(part));
    // The part itself; where it ended by its size, the cuts up to the next one by hash move too.
    expect(fresh.length).toBeLessThanOrEqual(3);
  });

  test("cuts between parts come at 32 MiB of JSON at the latest, however few entries that is", () => {
    expect(cut(paths.slice(0, 100), 8 * 1024 * 1024)).toHaveLength(25);
  });

  test("cuts between parts come at 16,384 entries at the latest", () => {
    expect(endsPart(fromText("/any"), { entries: 16_384, bytes: 0, objectBytes: 0 })).toBe(true);
  });

  test("cuts between parts come at 40 MiB with objects at the latest", () => {
    const size = { entries: 100, bytes: 10 * 1024 * 1024 };
    expect(endsPart(fromText("/any"), { ...size, objectBytes: 29 * 1024 * 1024 })).toBe(false);
    expect(endsPart(fromText("/any"), { ...size, objectBytes: 30 * 1024 * 1024 })).toBe(true);
  });
});
