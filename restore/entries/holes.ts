/** Places the bytes of a sparse file: its extents, one after another, fill the gaps between its holes. */
import type { Stretch } from "../../core/format/entries/entry.ts";

/** A run of data between holes. `data` counts bytes without holes, `file` with them. */
export type DataRun = { readonly data: number; readonly file: number; readonly length: number };

/** Returns the runs of data in order, without empty ones. */
export function dataRunsOf({ from, size, holes }: Omit<Stretch, "extents">): DataRun[] {
  const runs: DataRun[] = [];
  let data = 0;
  let file = 0;
  const add = (end: number) => {
    if (end > file) runs.push({ data, file: from + file, length: end - file });
    data += end - file;
  };
  for (const [offset, length] of holes) {
    add(offset);
    file = offset + length;
  }
  add(size);
  return runs;
}

/** Yields the pieces of `runs` that hold `length` bytes of data from `start` on. */
export function* placed(runs: readonly DataRun[], start: number, length: number): Generator<DataRun> {
  const end = start + length;
  for (let number = indexAt(runs, start); number < runs.length; number += 1) {
    const run = runs[number];
    if (run === undefined || run.data >= end) return;
    const from = Math.max(start, run.data);
    const to = Math.min(end, run.data + run.length);
    if (to > from) yield { data: from, file: run.file + from - run.data, length: to - from };
  }
}

/** Returns the index of the last run that begins at or before `data`. Searches by halves: a file may have a million runs. */
function indexAt(runs: readonly DataRun[], data: number): number {
  let low = 0;
  let high = runs.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((runs[middle]?.data ?? 0) <= data) low = middle;
    else high = middle - 1;
  }
  return low;
}
