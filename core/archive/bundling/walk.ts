/**
 * Finds what is to be in bundles: the folders and files at a depth, and all below each. Folders are reached by descriptors, through no
 * link. Nothing is entered that this program writes itself, that the kernel makes up, or that another user has mounted.
 */
import type { Database } from "bun:sqlite";
import { type ByteString, join } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import type { Notify } from "../../notice.ts";
import { namesIn } from "../../system/files/names.ts";
import { OpenFolders } from "../../system/files/open-folders.ts";
import { filesystemKind } from "../../system/filesystem/filesystems.ts";
import { strangerBehind } from "../../system/filesystem/mounts.ts";
import { fstat, type Stat, typeAt } from "../../system/filesystem/stat.ts";
import { isSystemError, SystemError } from "../../system/libc.ts";
import { openScratchDatabase } from "../../system/scratch-database.ts";
import { Garbage } from "../../system/threads/garbage.ts";
import { type OwnFiles, OwnPath } from "../quilting/paths/own-files.ts";
import { PathSet } from "../quilting/paths/path-set.ts";
import type { IsExcluded } from "./exclude.ts";

export type WalkDeps = {
  readonly own: OwnFiles;
  readonly isExcluded: IsExcluded;
  readonly notify: Notify;
  /** Lets puts and signals take their turn. Throws if the run is to stop. */
  readonly breathe: () => Promise<void>;
};

const namesBetweenBreaths = 2_000;
/** About what each name leaves. */
const garbageOfName = 1024;

/** Called with what lies in a folder. Returns whether it is to be entered, if it is a folder. */
type OnFound = (path: ByteString, depth: number) => boolean;

/** Paths at the depth, in byte order, and in `above` all that lies above it: the path itself, and what leads to them. */
export type Units = { readonly at: readonly ByteString[]; readonly above: PathSet };

/** The caller disposes of `above`. */
export async function findUnits(path: ByteString, depth: number, deps: WalkDeps): Promise<Units> {
  const at: ByteString[] = [];
  const above = new PathSet();
  try {
    above.add(path);
    const found: OnFound = (one, level) => {
      if (level === depth) at.push(one);
      else above.add(one);
      return level < depth;
    };
    await walk(path, found, deps);
    return { at: at.sort(), above };
  } catch (error) {
    above[Symbol.dispose]();
    throw error;
  }
}

/** Returns a path and all below it. The caller disposes of the set. */
export async function findAll(path: ByteString, deps: WalkDeps): Promise<PathSet> {
  const paths = new PathSet();
  try {
    paths.add(path);
    await walk(
      path,
      (found) => {
        paths.add(found);
        return true;
      },
      deps,
    );
    return paths;
  } catch (error) {
    paths[Symbol.dispose]();
    throw error;
  }
}

type Pending = { readonly path: ByteString; readonly depth: number; readonly device: number };

async function walk(start: ByteString, onFound: OnFound, deps: WalkDeps): Promise<void> {
  using folders = new OpenFolders();
  using queue = new Queue();
  queue.push({ path: start, depth: 0, device: -1 });
  const garbage = new Garbage();
  let untilBreath = namesBetweenBreaths;
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { path, depth, device } = next;
    try {
      const fd = folders.at(path);
      const stat = fstat(fd);
      if (!mayEnter(path, fd, stat, device, deps)) continue;
      for (const name of namesIn(fd)) {
        untilBreath -= 1;
        const found = join(path, name);
        if (deps.isExcluded(found)) continue;
        const isFolder = typeAt(fd, name) === "folder";
        if (onFound(found, depth + 1) && isFolder) queue.push({ path: found, depth: depth + 1, device: stat.device });
      }
    } catch (error) {
      // What vanished, or became something else, is seen again when it is read.
      if (!(error instanceof SystemError)) throw error;
      if (!isSystemError(error, "ENOENT", "ENOTDIR", "ELOOP")) leaveUnlisted(path, error, deps);
    }
    if (untilBreath > 0) continue;
    garbage.left((namesBetweenBreaths - untilBreath) * garbageOfName);
    untilBreath = namesBetweenBreaths;
    await deps.breathe();
  }
}

function leaveUnlisted(path: ByteString, error: SystemError, { notify }: WalkDeps): void {
  const message = `what lies in ${quoted(path)} is not in the bundle: ${error.message}`;
  notify({ level: "warning", code: "unreadable", message });
}

/** `device`: of the folder that it lies in. */
function mayEnter(path: ByteString, fd: number, stat: Stat, device: number, { own }: WalkDeps): boolean {
  try {
    own.refuse(path, stat);
  } catch (error) {
    // Reported when it is looked at.
    if (error instanceof OwnPath) return false;
    throw error;
  }
  if (stat.device === device) return true;
  return strangerBehind(stat) === undefined && filesystemKind(fd) !== "pseudo";
}

/** Folders that are still to be entered: on disk, if they are many. */
class Queue implements Disposable {
  readonly #database: Database = openScratchDatabase(
    "CREATE TEMP TABLE pending (path TEXT NOT NULL, depth INTEGER NOT NULL, device INTEGER NOT NULL)",
  );
  readonly #push = this.#database.query<unknown, [string, number, number]>("INSERT INTO pending VALUES (?, ?, ?)");
  readonly #pop = this.#database.query<Pending, []>(
    "DELETE FROM pending WHERE rowid = (SELECT max(rowid) FROM pending) RETURNING path, depth, device",
  );

  push({ path, depth, device }: Pending): void {
    this.#push.run(path, depth, device);
  }

  pop(): Pending | undefined {
    return this.#pop.get() ?? undefined;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
