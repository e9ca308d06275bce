/** Where the bytes of a sparse file go: its extents, one after another, fill the gaps between its holes. */
import type { FileEntry } from "../core/format/entry.ts";

/** A run of data between holes. `data` counts bytes without holes, `file` with them. */
export type Region = { readonly data: number; readonly file: number; readonly length: number };

/** In order; empty regions are left out. */
export function regionsOf({ size, holes }: Pick<FileEntry, "size" | "holes">): Region[] {
  const regions: Region[] = [];
  let data = 0;
  let file = 0;
  const add = (end: number) => {
    if (end > file) regions.push({ data, file, length: end - file });
    data += end - file;
  };
  for (const [offset, length] of holes) {
    add(offset);
    file = offset + length;
  }
  add(size);
  return regions;
}

/** The parts of `regions` that hold the data from `start`, `length` bytes of it. */
export function* placed(regions: readonly Region[], start: number, length: number): Generator<Region> {
  const end = start + length;
  for (let number = indexAt(regions, start); number < regions.length; number += 1) {
    const region = regions[number];
    if (region === undefined || region.data >= end) return;
    const from = Math.max(start, region.data);
    const to = Math.min(end, region.data + region.length);
    if (to > from) yield { data: from, file: region.file + from - region.data, length: to - from };
  }
}

/** Of the last region that begins at or before `data`: a file may have a million of them, so they are not walked. */
function indexAt(regions: readonly Region[], data: number): number {
  let low = 0;
  let high = regions.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((regions[middle]?.data ?? 0) <= data) low = middle;
    else high = middle - 1;
  }
  return low;
}
