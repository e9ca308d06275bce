/** Paths that several lists of a backup have. */
import { expect, test } from "bun:test";
import type { PartEntry } from "../../../core/format/entries/entry.ts";
import { segmentPath } from "../../../core/format/entries/segment.ts";
import { fromText } from "../../../core/format/path.ts";
import { ListedPaths } from "../../../restore/entries/listed-paths.ts";

const common = {
  owner: { user: undefined, group: undefined, uid: 0, gid: 0 },
  mode: 0o644,
  modified: { seconds: 0, nanoseconds: 0 },
  acl: undefined,
  xattrs: new Map(),
};
const content = { size: 1, extents: [], holes: [] };

function file(path: string, segments?: number): PartEntry {
  const continued = segments === undefined ? undefined : { segments, sha256: "0".repeat(64) };
  const own = { type: "file", path: fromText(path), hardLink: undefined, warnings: [], ...content } as const;
  return { ...common, ...own, ...(continued !== undefined && { continued }) };
}

function segment(path: string, from: number): PartEntry {
  const of = fromText(path);
  return { type: "segment", path: segmentPath(of, from), file: of, from, ...content };
}

const pathsOf = (entries: ReadonlySet<PartEntry>) => [...entries].map(({ path }) => String(path));

test("segments of a file that a list before has are not new, also with other such files before them", () => {
  using listed = new ListedPaths();
  listed.newAmong([file("/a"), file("/a.txt"), file("/b")]);
  const again = [file("/a", 2), file("/a.d", 2), file("/a.txt"), segment("/a.d", 0), segment("/a", 0), file("/c")];
  expect(pathsOf(listed.newAmong(again))).toEqual(["/a.d", segmentPath(fromText("/a.d"), 0), "/c"]);
  // The list goes on in its next part.
  expect(pathsOf(listed.newAmong([segment("/a", 1), file("/b", 1), file("/b.x"), segment("/b", 0)]))).toEqual(["/b.x"]);
});

test("twin: segments of a file that no list before has are new", () => {
  using listed = new ListedPaths();
  listed.newAmong([file("/a.txt")]);
  const entries = [file("/a", 1), file("/a.txt"), segment("/a", 0)];
  expect(pathsOf(listed.newAmong(entries))).toEqual(["/a", segmentPath(fromText("/a"), 0)]);
});
