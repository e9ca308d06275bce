/** Chooses what an attempt to store files goes through. */
import type { Database } from "bun:sqlite";
import { OpenFolders } from "../system/files/open-folders.ts";
import { foldersOfStrangersRefused } from "../system/filesystem/mounts.ts";
import { accountsFingerprint } from "../system/owners.ts";
import type { ArchiveJob } from "./job.ts";
import { findOwnFiles } from "./own-files.ts";
import { Comparison, type Ground } from "./quilting/comparison.ts";
import { noCounts, type QuiltCounts } from "./quilting/counts.ts";
import { KnownRows } from "./quilting/known-rows.ts";
import type { OwnFiles } from "./quilting/paths/own-files.ts";
import { PathSet } from "./quilting/paths/path-set.ts";
import type { PathTaker } from "./quilting/paths/pick-all.ts";
import { addUsersOf } from "./quilting/read-again.ts";
import { fact, setFact } from "./state/database.ts";
import type { BitSet } from "./state/tables/bit-set.ts";
import { FileTable } from "./state/tables/files.ts";

/** Runs the pickers, and hands over what they choose. */
export type PickPaths = (taker: PathTaker<Ground>) => Promise<void>;

export type Chosen = {
  readonly rows: KnownRows;
  /** What is to be gone through, in byte order, with the folders above each. */
  readonly paths: PathSet;
  /** What stays as it is, by now. */
  readonly counts: QuiltCounts;
  readonly own: OwnFiles;
  readonly sameAccounts: boolean;
  /** State of the accounts when the choice began: names are looked up later. */
  readonly accounts: string;
};

export type Picked = Chosen & {
  /** Number of paths that pickers chose, with the folders above them. */
  readonly total: number;
  /** Whether files are to be read. */
  readonly hasFiles: boolean;
};

/** Runs the pickers: what they choose and is as it was, is kept, and all else chosen. The caller disposes of the paths. */
export async function choosePicked(
  job: ArchiveJob,
  { database, expiring, pick }: { readonly database: Database; readonly expiring: BitSet; readonly pick: PickPaths },
): Promise<Picked> {
  const rows = new KnownRows(new FileTable(database), { extents: expiring.size > 0 });
  const chosen = { ...(await ofState(job, database)), rows, paths: new PathSet(), counts: noCounts() };
  const { counts, paths } = chosen;
  try {
    using folders = new OpenFolders(foldersOfStrangersRefused());
    const comparison = new Comparison({ ...chosen, folders, expiring });
    const pause = async () => {
      job.progress(counts.files + counts.others, rows.size, counts.bytes);
      await breathe(job);
    };
    await pick({ folders, record: comparison.record, pause });
    return { ...chosen, total: counts.files + counts.others + paths.size, hasFiles: comparison.hasFiles };
  } catch (error) {
    paths[Symbol.dispose]();
    throw error;
  }
}

/** Chooses the files with content in `unusable` objects. `counts` are those of the first attempt. */
export async function chooseAgain(
  job: ArchiveJob,
  {
    database,
    unusable,
    counts,
  }: { readonly database: Database; readonly unusable: BitSet; readonly counts: QuiltCounts },
): Promise<Chosen> {
  const files = new FileTable(database);
  const rows = new KnownRows(files, { extents: unusable.size > 0 });
  const chosen = { ...(await ofState(job, database)), rows, paths: new PathSet(), counts: { ...counts } };
  addUsersOf(unusable, files, chosen.paths);
  rows.keepAll();
  return chosen;
}

async function ofState({ config, bucket }: ArchiveJob, database: Database) {
  const own = await findOwnFiles(config, bucket.url);
  const accounts = await accountsFingerprint();
  return { own, accounts, sameAccounts: fact(database, accountsFact) === accounts };
}

const accountsFact = "accounts";

/** Notes down which names users and groups had at least. Call when all heads are up to date: what was gone through was all that is picked. */
export function noteAccounts(database: Database, { accounts }: Picked): void {
  setFact(database, accountsFact, accounts);
}

/** Lets puts, signals and the terminal have their turn: reading is synchronous. */
export async function breathe({ signal }: Pick<ArchiveJob, "signal">): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setImmediate(resolve));
}
