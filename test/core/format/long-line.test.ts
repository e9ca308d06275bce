/** Lines of earlier versions, with all extents of a file in one: split into segments, and refused if they are anything else. */
import { describe, expect, test } from "bun:test";
import type { Extent, FileEntry, Hole, ObjectRef, Segment } from "../../../core/format/entry.ts";
import { encodeHead } from "../../../core/format/entry-json.ts";
import { encodeExtents, entryLine } from "../../../core/format/entry-row.ts";
import { longestLine, textOf } from "../../../core/format/lines.ts";
import { decodePart, encodePart, linesOf } from "../../../core/format/part.ts";
import { fromText } from "../../../core/format/path.ts";
import { Continuation, digestOfSegment, isContinued } from "../../../core/format/segment.ts";

const object: ObjectRef = { key: "packs/a.zst", version: "1", size: 2 ** 40, encoding: "frames" };
/** More than 16 MiB of them. */
const count = 200_000;
const extents = Array.from({ length: count }, (_, number): Extent => {
  const sha256 = number.toString(16).padStart(64, "0");
  return { object: 0, frameOffset: number * 10, frameLength: 10, offset: 0, length: 10 + (number % 7), sha256 };
});
const data = extents.reduce((sum, { length }) => sum + length, 0);
/** Some between extents, some in them, one at each end. */
const holes: readonly Hole[] = [
  [0, 100],
  ...Array.from({ length: 1_000 }, (_, number): Hole => [100 + number * 2_000 + 15, 3 + (number % 5)]),
  [data + 100 + 5_000 - 2, 50],
];
const size = data + holes.reduce((sum, [, length]) => sum + length, 0);
const file: FileEntry = {
  type: "file",
  path: fromText("/srv/disk.img"),
  owner: { user: "root", group: "root", uid: 0, gid: 0 },
  mode: 0o600,
  modified: { seconds: 0, nanoseconds: 0 },
  acl: undefined,
  xattrs: new Map(),
  size,
  extents,
  holes,
  hardLink: undefined,
  warnings: [],
};
const folder = { ...file, type: "folder" as const, path: fromText("/srv") };
const last = { ...folder, path: fromText("/srv/disk.img-old") };
const line = entryLine(encodeHead(file), encodeExtents(extents));

function decoded(middle: string) {
  const bad: string[] = [];
  const lines = [entryLine(encodeHead(folder), null), middle, entryLine(encodeHead(last), null)];
  const part = decodePart(textOf(Buffer.from(encodePart([object], lines))), ({ why }) => bad.push(why));
  return { entries: [...part.entries], bad };
}

/** Where each byte of data lies, by extent. */
function placesOf(segments: readonly Pick<Segment, "from" | "size" | "holes" | "extents">[]): [number, string][] {
  return segments.flatMap(({ from, size, holes, extents }) => {
    const places: [number, string][] = [];
    let at = 0;
    let hole = 0;
    for (const { length, sha256 } of extents) {
      for (let left = length; left > 0; ) {
        for (; holes[hole]?.[0] === at; hole += 1) at += holes[hole]?.[1] ?? 0;
        const step = Math.min(left, (holes[hole]?.[0] ?? size) - at);
        places.push([from + at, sha256]);
        at += step;
        left -= step;
      }
    }
    return places;
  });
}

describe("a line of more than 16 MiB, as earlier versions wrote it,", () => {
  test("a line of more than 16 MiB becomes a file in segments with the same content", () => {
    expect(line.length).toBeGreaterThan(longestLine);
    const { entries, bad } = decoded(line);
    expect(bad).toEqual([]);
    const [before, head, ...rest] = entries;
    const segments = rest.filter((entry): entry is Segment => entry.type === "segment");
    expect([before?.path, rest.at(-1)?.path]).toEqual([folder.path, last.path]);
    expect(entries.reduce((sum, entry) => sum + linesOf(entry), 0)).toBe(3);
    if (head === undefined || !isContinued(head)) throw new Error("it is no file in segments");
    expect<unknown>({ ...head, continued: undefined }).toEqual({
      ...file,
      extents: [],
      holes: [],
      continued: undefined,
    });
    const continuation = new Continuation(head);
    for (const segment of segments) continuation.take({ ...segment, digest: digestOfSegment(segment) });
    continuation.end();
    expect(segments.flatMap((segment) => segment.extents)).toEqual(extents);
    expect(placesOf(segments)).toEqual(placesOf([{ from: 0, ...file }]));
  });

  const wrong: readonly [string, string][] = [
    ["a size that is not its content's", line.replace(`"size":${size}`, `"size":${size + 1}`)],
    ["a hole out of order", line.replace('"holes":[[0,100]', '"holes":[[7,100],[0,100]')],
    ["an extent of an object that is not there", line.replace(/\[0,(1999990),/, "[5,$1,")],
    ["a digest that is none", line.replace(`${"0".repeat(60)}ffff`, `${"0".repeat(60)}fffx`)],
    ["space in it", line.replace(/\],\[0,1000000,/, "], [0,1000000,")],
    ["more behind its extents", line.replace(/\]\}$/, '],"more":1}')],
    ["an end that is missing", line.slice(0, -2)],
    ["no extents", `${line.slice(0, 100)}${"x".repeat(longestLine)}`],
    ["another type", line.replace('"typ":"f"', '"typ":"d"')],
  ];
  test.each(wrong)("a line of more than 16 MiB costs itself alone if it has %s", (_, changed) => {
    expect(changed).not.toBe(line);
    const { entries, bad } = decoded(changed);
    expect(bad).toHaveLength(1);
    expect(entries.map(({ path }) => path)).toEqual([folder.path, last.path]);
  });
});
