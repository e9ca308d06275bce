/** Runs the pickers, and resolves what they print to the paths that a run keeps. */
import type { ByteString } from "../../../format/path.ts";
import type { Notify } from "../../../notice.ts";
import type { OpenFolders } from "../../../system/files/open-folders.ts";
import type { Stat } from "../../../system/filesystem/stat.ts";
import { type PickOptions, pickPaths } from "../pickers/pick.ts";
import { lookupIn } from "./lookup.ts";
import { type Follow, type RecordPath, Resolver } from "./resolve.ts";

export type PickAllOptions = PickOptions & {
  readonly notify: Notify;
  readonly follow: Follow;
  /** Numbers of the users whose links on the way are followed with `picked`. */
  readonly trusted: ReadonlySet<number>;
};

/** Takes the paths while pickers print more. `folders` are those that they are looked at from. */
export type PathTaker<Ground> = {
  readonly folders: OpenFolders;
  readonly record: RecordPath<Stat, Ground>;
  /** Called between batches of paths. */
  readonly pause: () => Promise<void>;
};

/** Paths that are sorted before they are resolved, and bytes of them: `find` goes through folders in no order, but one after another. */
const batch = { paths: 4_096, bytes: 1024 * 1024 } as const;

/** Each path is looked at once, as a rule. Nearly all come in byte order, from batch to batch. */
export async function pickAll<Ground>(options: PickAllOptions, taker: PathTaker<Ground>): Promise<void> {
  const { follow, trusted, notify } = options;
  const { folders, record, pause } = taker;
  const resolver = new Resolver({ lookup: lookupIn(folders), follow, trusted, record, notify });
  for await (const paths of inBatches(pickPaths(options), pause)) for (const path of paths) resolver.pick(path);
}

async function* inBatches(
  printed: AsyncIterable<readonly ByteString[]>,
  pause: () => Promise<void>,
): AsyncGenerator<readonly ByteString[]> {
  let paths: ByteString[] = [];
  let bytes = 0;
  for await (const some of printed) {
    for (const path of some) {
      paths.push(path);
      bytes += path.length;
    }
    if (paths.length < batch.paths && bytes < batch.bytes) continue;
    yield paths.sort();
    paths = [];
    bytes = 0;
    await pause();
  }
  yield paths.sort();
}
