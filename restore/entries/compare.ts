/** Compares a file with the backup by reading it, since size and times prove nothing. */
import type { Extent, Hole, Stretch } from "../../core/format/entries/entry.ts";
import type { Pauses } from "../../core/pauses.ts";
import { dataRegions, readAt } from "../../core/system/files/files.ts";
import { fstat } from "../../core/system/filesystem/stat.ts";
import { type DataRun, dataRunsOf, placed } from "./holes.ts";

const buffer = Buffer.allocUnsafeSlow(1024 * 1024);

/** Returns whether a file has the content of a stretch. `fd`: a regular file of the entry's size, open for reading. */
export async function sameContent(fd: number, stretch: Stretch, pauses: Pauses): Promise<boolean> {
  const runs = dataRunsOf(stretch);
  let data = 0;
  for (const extent of stretch.extents) {
    if (!(await holdsExtent(fd, placed(runs, data, extent.length), extent, pauses))) return false;
    data += extent.length;
  }
  return stretch.holes.length === 0 || (await areZeros(fd, stretch, pauses));
}

/** Returns the indices of the extents that an unfinished file has. Reads none of its holes: nothing was written there yet. */
export async function extentsIn(fd: number, stretch: Stretch, pauses: Pauses): Promise<Set<number>> {
  const there = new Set<number>();
  const runs = dataRunsOf(stretch);
  const regions = dataRegions(fd, fstat(fd).size, stretch.from);
  let region = regions.next().value;
  let data = 0;
  for (const [index, extent] of stretch.extents.entries()) {
    const pieces = [...placed(runs, data, extent.length)];
    const at = pieces[0]?.file ?? 0;
    while (region !== undefined && region[0] + region[1] <= at) region = regions.next().value;
    if (region === undefined) break;
    if (region[0] <= at && (await holdsExtent(fd, pieces, extent, pauses))) there.add(index);
    data += extent.length;
  }
  return there;
}

async function holdsExtent(
  fd: number,
  pieces: Iterable<DataRun>,
  { sha256 }: Extent,
  pauses: Pauses,
): Promise<boolean> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const { file, length } of pieces) {
    for (const piece of contentOf(fd, file, length)) {
      if (piece === undefined) return false;
      hash.update(piece);
      if (pauses.due(piece.length)) await pauses.take();
    }
  }
  return hash.digest("hex") === sha256;
}

/** Yields content in pieces that are valid until the next read; at the end undefined, if the file ends too early. */
function* contentOf(fd: number, start: number, length: number): Generator<Buffer | undefined> {
  for (let done = 0; done < length; ) {
    const read = readAt(fd, buffer, 0, Math.min(buffer.length, length - done), start + done);
    if (read === 0) return yield undefined;
    yield buffer.subarray(0, read);
    done += read;
  }
}

const zeros = Buffer.alloc(buffer.length);

/** Returns whether all holes of a stretch read as zeros. Skips what is a hole in the file, too. */
async function areZeros(fd: number, { from: first, size, holes }: Stretch, pauses: Pauses): Promise<boolean> {
  let next = 0;
  for (const [at, length] of dataRegions(fd, first + size, first)) {
    const start = at - first;
    const end = start + length;
    while (next < holes.length && endOf(holes[next]) <= start) next += 1;
    for (let number = next; number < holes.length; number += 1) {
      const [offset, gap] = holes[number] ?? [end, 0];
      if (offset >= end) break;
      const from = Math.max(start, offset);
      for (const piece of contentOf(fd, first + from, Math.min(end, offset + gap) - from)) {
        if (piece === undefined || !piece.equals(zeros.subarray(0, piece.length))) return false;
        if (pauses.due(piece.length)) await pauses.take();
      }
    }
  }
  return true;
}

function endOf(hole: Hole | undefined): number {
  return hole === undefined ? 0 : hole[0] + hole[1];
}
