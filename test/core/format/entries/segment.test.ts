import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Extent, FileEntry, Hole } from "../../../../core/format/entries/entry.ts";
import { encodeHead } from "../../../../core/format/entries/entry-json.ts";
import { continuedIn, encodeExtents, entryLine, refreshedFileHead } from "../../../../core/format/entries/entry-row.ts";
import {
  Continuation,
  decodePartEntry,
  digestOfSegment,
  encodeSegmentHead,
  isContinued,
  isSegmentHead,
  segmentPath,
} from "../../../../core/format/entries/segment.ts";
import { FormatError } from "../../../../core/format/error.ts";
import { textOf } from "../../../../core/format/lines/lines.ts";
import { checkEntryLine } from "../../../../core/format/manifest/check-line.ts";
import { decodePart, encodePart } from "../../../../core/format/manifest/part.ts";
import { type ByteString, fromText, toText } from "../../../../core/format/path.ts";
import { entry, objects } from "../arbitraries.ts";
import { comparable } from "../entry-text.ts";
import { refusal } from "../mutation.ts";

type Piece = Pick<FileEntry, "size" | "holes" | "extents">;

/** Files with content, cut into what their segments hold. */
const files = entry.filter((one): one is FileEntry => one.type === "file" && one.path !== "/" && one.size > 0);
const continued = fc.tuple(files, fc.array(files, { minLength: 1, maxLength: 4 })).map(([head, pieces]) => {
  const segments = pieces.map(({ size, holes, extents }): Piece => ({ size, holes, extents }));
  return continuedFile(head, segments);
});

function continuedFile(head: FileEntry, pieces: readonly Piece[]) {
  const hash = new Bun.CryptoHasher("sha256");
  let size = 0;
  const segments = pieces.map((piece) => {
    const from = size;
    size += piece.size;
    hash.update(digestOfSegment(piece));
    return { type: "segment" as const, path: segmentPath(head.path, from), file: head.path, from, ...piece };
  });
  const says = { segments: pieces.length, sha256: hash.digest("hex") };
  const file: FileEntry = { ...head, size, extents: [], holes: [], continued: says };
  return { file, segments };
}

function saysOf({ continued }: FileEntry) {
  if (continued === undefined) throw new Error("a file without segments");
  return continued;
}

const lineOf = (segment: Piece & { readonly path: ByteString }) =>
  entryLine(encodeSegmentHead(segment), encodeExtents(segment.extents));

/** Passes segments to a continuation. Returns what it says of them, undefined if nothing. */
function fault(file: FileEntry, segments: readonly (Piece & { readonly from: number })[]): FormatError | undefined {
  return refusal(() => {
    if (!isContinued(file)) throw new Error("not continued");
    const continuation = new Continuation(file);
    for (const segment of segments) continuation.take({ ...segment, digest: digestOfSegment(segment) });
    continuation.end();
  });
}

describe("a file in segments", () => {
  test("a file in segments is the same after writing and reading, and each line passes the writer's check", () => {
    fc.assert(
      fc.property(continued, ({ file, segments }) => {
        const lines = [entryLine(encodeHead(file), null), ...segments.map(lineOf)];
        for (const line of lines) checkEntryLine(line, objects);
        const read = [...decodePart(textOf(Buffer.from(encodePart(objects, lines)))).entries];
        expect(read.map(comparable)).toEqual([file, ...segments].map(comparable));
        expect(fault(file, segments)).toBeUndefined();
      }),
    );
  });

  test("a file in segments is refused if one of them is missing, doubled, changed, or at another place", () => {
    fc.assert(
      fc.property(continued, fc.nat(), fc.nat({ max: 3 }), ({ file, segments }, which, how) => {
        const at = which % segments.length;
        const one = segments[at];
        if (one === undefined) return;
        const wrong = [
          segments.toSpliced(at, 1),
          segments.toSpliced(at, 0, one),
          segments.with(at, { ...one, from: one.from + 1 }),
          segments.with(at, { ...one, extents: [...one.extents, { ...extent, sha256: "0".repeat(64) }] }),
        ][how];
        expect(fault(file, wrong ?? [])).toBeInstanceOf(FormatError);
      }),
    );
  });

  test("a file in segments is refused if they come in another order", () => {
    fc.assert(
      fc.property(continued, ({ file, segments }) => {
        if (segments.length > 1) expect(fault(file, segments.toReversed())).toBeInstanceOf(FormatError);
      }),
    );
  });

  test("a file in segments cuts into others if the same content is cut elsewhere", () => {
    const hole: Hole = [0, 10];
    const whole = continuedFile(plain, [{ size: 10, holes: [hole], extents: [] }]);
    const halves = [0, 5].map((from) => ({ from, size: 5, holes: [[0, 5]] as const, extents: [] }));
    expect(fault(whole.file, whole.segments)).toBeUndefined();
    expect(fault(whole.file, halves)).toEqual(altered("its content is not in the segments that it had"));
  });

  test("a file in segments says so in its head, and a new look at its metadata keeps that", () => {
    fc.assert(
      fc.property(continued, files, ({ file }, look) => {
        const head = encodeHead(file);
        expect(continuedIn(head)).toEqual({ size: file.size, continued: saysOf(file) });
        const refreshed = refreshedFileHead(head, { ...look, size: file.size });
        expect(continuedIn(refreshed)?.continued).toEqual(file.continued);
      }),
    );
  });

  test("a head that only mentions segments is none of a file in segments", () => {
    const head = encodeHead({ ...plain, path: fromText('/"segments_sha256":') });
    expect(continuedIn(head)).toBeUndefined();
    expect(isSegmentHead(head)).toBe(false);
  });

  test("an older reader refuses each of its lines, since they lack what it asks for", () => {
    const { file, segments } = continuedFile(plain, [{ size: 10, holes: [[0, 10]], extents: [] }]);
    expect(JSON.parse(encodeHead(file))).not.toContainKey("dat");
    for (const segment of segments) expect(JSON.parse(lineOf(segment)).typ).toBe("s");
  });
});

const extent: Extent = { object: 0, frameOffset: 0, frameLength: 10, offset: 0, length: 5, sha256: "ab".repeat(32) };
const plain: FileEntry = {
  type: "file",
  path: fromText("/srv/disk.img"),
  owner: { user: "root", group: "root", uid: 0, gid: 0 },
  mode: 0o644,
  modified: { seconds: 0, nanoseconds: 0 },
  acl: undefined,
  xattrs: new Map(),
  size: 5,
  extents: [extent],
  holes: [],
  hardLink: undefined,
  warnings: [],
};
const altered = (why: string) => new FormatError("altered", why);

describe("a segment", () => {
  const segment = {
    typ: "s",
    path: "/srv/disk.img/0000000000000100",
    size: 5,
    dat: [[0, 0, 10, 0, 5, "ab".repeat(32)]],
  };

  test("a segment names its file and its place in it", () => {
    expect(decodePartEntry(segment)).toMatchObject({ file: fromText("/srv/disk.img"), from: 100, size: 5 });
  });

  test.each([
    ["a path that is no place", { ...segment, path: "/srv/disk.img/one" }],
    ["a place with fewer digits", { ...segment, path: "/srv/disk.img/100" }],
    ["a place that is no whole number", { ...segment, path: "/srv/disk.img/00000000000001.5" }],
    ["a place beyond what a number holds", { ...segment, path: "/srv/disk.img/9007199254740991" }],
    ["nothing in it", { ...segment, size: 0, dat: [] }],
    ["less content than its size", { ...segment, size: 6 }],
    ["a hole beyond its end", { ...segment, size: 10, holes: [[6, 5]] }],
    ["no content", { ...segment, dat: undefined }],
  ])("a segment is refused: %s", (_, document) => {
    expect(() => decodePartEntry(document)).toThrow(FormatError);
  });

  test.each([
    [
      "both content and segments",
      { dat: [[0, 0, 10, 0, 5, "ab".repeat(32)]], segments: 1, segments_sha256: "ab".repeat(32) },
    ],
    ["segments and holes", { holes: [[0, 5]], segments: 1, segments_sha256: "ab".repeat(32) }],
    ["segments without their digest", { segments: 1 }],
    ["a digest of no segments", { segments_sha256: "ab".repeat(32) }],
    ["no segments", { segments: 0, segments_sha256: "ab".repeat(32) }],
    ["neither content nor segments", {}],
  ])("an entry is refused that has %s", (_, content) => {
    const { dat: __, ...head } = JSON.parse(entryLine(encodeHead(plain), encodeExtents([extent])));
    expect(() => decodePartEntry({ ...head, ...content })).toThrow(FormatError);
  });

  test("a segment sorts behind its file, before all that does not begin as it does", () => {
    const paths = ["/srv/disk.img", "/srv/disk.img-old", "/srv/disk.img.bak"].map(fromText);
    const segments = [0, 5, 100, 2 ** 40].map((from) => segmentPath(fromText("/srv/disk.img"), from));
    const sorted = [...paths, ...segments, fromText("/srv/disk.img0")].sort();
    expect(sorted.map(toText)).toEqual([...paths, ...segments, fromText("/srv/disk.img0")].map(toText));
  });
});
