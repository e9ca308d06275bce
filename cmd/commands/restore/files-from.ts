/** Reads the paths to restore from a file. */
import { open } from "node:fs/promises";
import { exitStatus, Failure, reasonOf } from "../../../core/failure.ts";
import { argumentBytes, argumentText } from "../../../core/format/argument.ts";

/** Bytes of a list, and paths in it, at most: what is kept of each takes ten times as much memory. */
const most = 16 * 1024 * 1024;
const mostPaths = 250_000;

/** Returns the paths of a list, in the form of words of the command line. Throws a Failure if there are none. */
export async function pathsFrom(file: string): Promise<string[]> {
  const paths = pathsIn(await contentOf(file));
  if (paths.length === 0) throw unusable(file, "it names no path");
  if (paths.length > mostPaths)
    throw unusable(file, `it names more than ${mostPaths} paths`, "name folders, or restore in several steps");
  return paths;
}

/** Paths end with a NUL byte if there is any, as `find --print0` writes them, else with a newline. @internal */
export function pathsIn(list: Buffer): string[] {
  const end = list.includes(0) ? 0 : 0x0a;
  const paths: string[] = [];
  for (let start = 0; start < list.length && paths.length <= mostPaths; ) {
    const found = list.indexOf(end, start);
    const stop = found < 0 ? list.length : found;
    if (stop > start) paths.push(argumentText(list.subarray(start, stop)));
    start = stop + 1;
  }
  return paths;
}

async function contentOf(file: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    const handle = await open(argumentBytes(file));
    for await (const piece of handle.createReadStream()) {
      pieces.push(piece);
      size += piece.length;
      if (size > most) break;
    }
  } catch (error) {
    throw unusable(file, reasonOf(error));
  }
  if (size > most)
    throw unusable(file, `it is larger than ${most / 1024 / 1024} MiB`, "name folders, or restore in several steps");
  return Buffer.concat(pieces, size);
}

const asList = "give a file with a path a line, or each ended by a NUL byte; - for a pipe";

function unusable(file: string, why: string, remedy = asList): Failure {
  return new Failure({
    doing: "read the paths to restore from",
    what: file,
    why,
    remedy,
    exit: exitStatus.usage,
  });
}
