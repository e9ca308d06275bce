/** A file whose content goes on in segments, as items of a backup: its entry, and its segments in order. */
import type { Hole } from "../../core/format/entries/entry.ts";
import { digestOfSegment, segmentPath } from "../../core/format/entries/segment.ts";
import { fromText, toText } from "../../core/format/path.ts";
import { type FileOptions, file, type Item, sha256 } from "./support.ts";

/** `content`: one chunk, with the holes around it; offsets count from the beginning of the segment. */
export type SegmentContent = { readonly content: string; readonly holes?: readonly Hole[] };

export function fileInSegments(
  path: string,
  contents: readonly SegmentContent[],
  { hardLink, ...attributes }: FileOptions = {},
): readonly [Item, ...Item[]] {
  let from = 0;
  let digests = "";
  const segments = contents.map(({ content, holes = [] }) => {
    const item = file(toText(segmentPath(fromText(path), from)), content, { holes });
    const size = content.length + holes.reduce((sum, [, length]) => sum + length, 0);
    from += size;
    const extents = content === "" ? [] : [{ length: content.length, sha256: sha256(content) }];
    digests += digestOfSegment({ size, holes, extents });
    return { ...item, forgeLine: asSegment };
  });
  const says = { segments: segments.length, segments_sha256: sha256(digests) };
  const head = file(path, "", { ...attributes, ...(hardLink !== undefined && { hardLink }) });
  const forgeLine = (line: string) => {
    const { dat: _, ...rest } = JSON.parse(line);
    return JSON.stringify({ ...rest, size: from, ...says });
  };
  return [{ ...head, forgeLine }, ...segments];
}

function asSegment(line: string): string {
  const { path, size, holes, dat } = JSON.parse(line);
  return JSON.stringify({ typ: "s", path, size, holes, dat });
}
