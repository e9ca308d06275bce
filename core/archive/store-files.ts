/** Steps 5 and 6 of the archive job: store what is new, write the parts, and lock all of it as promised. */
import type { Database } from "bun:sqlite";
import type { PartRef } from "../format/manifest.ts";
import { accountsFingerprint } from "../system/owners.ts";
import type { ArchiveJob } from "./job.ts";
import { type Extended, extendLocks } from "./locks/extend.ts";
import type { RetentionPlan } from "./locks/retention.ts";
import { leaveSparsePacks } from "./locks/sparse-packs.ts";
import { writeParts } from "./manifest/part-writer.ts";
import type { ContentStore, StoreMeter, StoreParts } from "./quilting/layouts/layout.ts";
import { Ledger } from "./quilting/layouts/ledger.ts";
import { ObjectStore } from "./quilting/layouts/objects.ts";
import { PackStore } from "./quilting/layouts/packs.ts";
import { HardLinks } from "./quilting/paths/hard-links.ts";
import type { PathSet } from "./quilting/paths/path-set.ts";
import { type QuiltCounts, Quilter } from "./quilting/quilter.ts";
import { fact, setFact } from "./state/database.ts";
import { ObjectTable } from "./state/objects.ts";

export type StoredFiles = {
  readonly parts: readonly PartRef[];
  readonly counts: QuiltCounts;
  readonly meter: StoreMeter;
  readonly extended: number;
  /** What the manifest may promise: as planned, or less where locks could not be made to reach it. */
  readonly promise: Date;
};

export type StoreFilesParts = {
  readonly database: Database;
  readonly paths: PathSet;
  readonly plan: RetentionPlan;
  /** Puts index objects for what was stored since the last call. */
  readonly tellIndex: () => Promise<void>;
};

/** A first backup of many terabytes tells of what it stored on its way: other hosts need not wait for its end. */
const bytesBetweenIndexes = 4 * 1024 ** 3;

export async function storeFiles(job: ArchiveJob, parts: StoreFilesParts): Promise<StoredFiles> {
  const meter: StoreMeter = { bytesRead: 0, bytesStored: 0, objectsStored: 0 };
  let counts = await quilt(job, parts, meter);
  if (leaveSparsePacks(parts.database, parts.plan, job.config.content, job.notify) > 0) {
    counts = sumCounts(counts, await quilt(job, parts, meter));
  }
  const first = await writeAndLock(job, parts);
  if (first.lost === 0) return finished(job, parts, { ...first, counts, meter });
  // What could not be extended is unknown now, so this stores it again.
  counts = sumCounts(counts, await quilt(job, parts, meter));
  const second = await writeAndLock(job, parts);
  return finished(job, parts, { ...second, counts, meter, extended: first.extended + second.extended });
}

type Locked = Pick<StoredFiles, "parts"> & Extended;

async function writeAndLock(job: ArchiveJob, { database, plan }: StoreFilesParts): Promise<Locked> {
  const { bucket, config, notify, signal } = job;
  signal.throwIfAborted();
  const { retention, promise, least } = plan;
  const lapsing = new ObjectTable(database).lapsing(least);
  const parts = await writeParts({ bucket, database, name: config.backup.name, retention, lapsing });
  const locks = await extendLocks({ bucket, database, promise, retention, notify, signal });
  return { parts, ...locks };
}

/** A file is new or changed by what the last run saw, not by what the first attempt of this one did. */
function sumCounts(first: QuiltCounts, second: QuiltCounts): QuiltCounts {
  const unchanged = Math.max(0, second.files - first.new - first.changed);
  return { ...second, new: first.new, changed: first.changed, unchanged };
}

async function quilt(
  job: ArchiveJob,
  { database, paths, plan, tellIndex }: StoreFilesParts,
  meter: StoreMeter,
): Promise<QuiltCounts> {
  const counts: QuiltCounts = { files: 0, new: 0, changed: 0, unchanged: 0, others: 0, bytes: 0 };
  const lapsing = new ObjectTable(database).lapsing(plan.least);
  const { bucket, config, now, sleep, notify, signal, progress } = job;
  const accounts = await accountsFingerprint();
  const ledger = new Ledger(database, lapsing, plan.retention.until);
  using hardLinks = new HardLinks((path) => ledger.files.get(path));
  const total = paths.size;
  let told = 0;
  const breathe = async () => {
    signal.throwIfAborted();
    // Reading is synchronous: here puts, signals and the terminal get their turn.
    await new Promise((resolve) => setImmediate(resolve));
  };
  const pause = async () => {
    progress(counts.files + counts.others, total, counts.bytes);
    if (meter.bytesStored - told > bytesBetweenIndexes) {
      told = meter.bytesStored;
      await tellIndex();
      ledger.commit();
    }
    await breathe();
  };
  const quilter = new Quilter({
    ledger,
    store: storeOf(job, { bucket, ledger, retention: plan.retention, meter, breathe }),
    hardLinks,
    lapsing,
    sameAccounts: fact(database, "accounts") === accounts,
    lockTimeout: config.content.lockTimeout,
    now,
    sleep,
    notify,
    counts,
    signal,
    pause,
  });
  try {
    await quilter.quilt(paths.inOrder());
    ledger.checkSettled();
    setFact(database, "accounts", accounts);
    return counts;
  } finally {
    await quilter.abandon();
    ledger.close();
  }
}

function storeOf({ config }: ArchiveJob, parts: StoreParts): ContentStore {
  const { layout, compression, compressionLevel, packSize } = config.content;
  if (layout === "objects") return new ObjectStore(parts, { kind: compression, level: compressionLevel });
  return new PackStore(parts, { packSize, level: compression === "none" ? undefined : compressionLevel });
}

/** Never promises more than is locked: what could be neither extended nor stored again lowers the promise. */
function finished(
  { notify }: ArchiveJob,
  { database, plan }: StoreFilesParts,
  attempt: Locked & Pick<StoredFiles, "counts" | "meter">,
): StoredFiles {
  const { parts, counts, meter, extended, lost, lostUntil } = attempt;
  // With nothing lost, no file refers to what lapses; else the next run needs to know what is to be stored again.
  if (lostUntil === undefined) {
    new ObjectTable(database).forgetLapsed(plan.least);
    return { parts, counts, meter, extended, promise: plan.promise };
  }
  const message = `${lost} objects could not be locked as long as promised; the backup promises less, until ${lostUntil.toISOString()}, and the next one stores them again`;
  notify({ level: "error", code: "promise-lowered", message });
  return { parts, counts, meter, extended, promise: lostUntil };
}
