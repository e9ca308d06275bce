/** Compares a file with the backup by reading it, since size and times prove nothing. */
import type { FileEntry, Hole } from "../core/format/entry.ts";
import { dataRegions, readAt } from "../core/system/files.ts";
import { dataRunsOf, placed } from "./holes.ts";
import type { Pauses } from "./pauses.ts";

const buffer = Buffer.allocUnsafeSlow(1024 * 1024);

/** Returns whether a file has the entry's content. `fd`: a regular file of the entry's size, open for reading. */
export async function sameContent(fd: number, entry: FileEntry, pauses: Pauses): Promise<boolean> {
  const runs = dataRunsOf(entry);
  let data = 0;
  for (const { length, sha256 } of entry.extents) {
    const hash = new Bun.CryptoHasher("sha256");
    for (const run of placed(runs, data, length)) {
      for (const piece of contentOf(fd, run.file, run.length)) {
        if (piece === undefined) return false;
        hash.update(piece);
        if (pauses.due(piece.length)) await pauses.take();
      }
    }
    if (hash.digest("hex") !== sha256) return false;
    data += length;
  }
  return entry.holes.length === 0 || (await areZeros(fd, entry, pauses));
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

/** Returns whether all holes of the entry read as zeros. Skips what is a hole in the file, too. */
async function areZeros(fd: number, { size, holes }: FileEntry, pauses: Pauses): Promise<boolean> {
  let next = 0;
  for (const [start, length] of dataRegions(fd, size)) {
    const end = start + length;
    while (next < holes.length && endOf(holes[next]) <= start) next += 1;
    for (let number = next; number < holes.length; number += 1) {
      const [offset, gap] = holes[number] ?? [end, 0];
      if (offset >= end) break;
      const from = Math.max(start, offset);
      for (const piece of contentOf(fd, from, Math.min(end, offset + gap) - from)) {
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
