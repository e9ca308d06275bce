/** Steps 5 and 6 of the archive job: store what is new, write the parts, and lock all of it as promised. */
import type { Database } from "bun:sqlite";
import { availableParallelism } from "node:os";
import type { PartRef } from "../format/manifest/manifest.ts";
import type { WriteTarget } from "../stored/write.ts";
import { descriptorLimit } from "../system/threads/limits.ts";
import { step } from "../trace.ts";
import { breathe, type Chosen, chooseAgain, choosePicked, noteAccounts, type PickPaths } from "./choose-files.ts";
import type { ArchiveJob } from "./job.ts";
import { type Extended, extendLocks } from "./locks/extend.ts";
import { proveClaims } from "./locks/prove.ts";
import type { RetentionPlan } from "./locks/retention.ts";
import { repackSparsePacks } from "./locks/sparse-packs.ts";
import { EarlyParts } from "./manifest/early-parts.ts";
import { writeParts } from "./manifest/part-writer.ts";
import { Readers, threadsAllowed } from "./quilting/ahead/readers.ts";
import type { ReadingAhead } from "./quilting/changed-files.ts";
import type { QuiltCounts } from "./quilting/counts.ts";
import { dropGone } from "./quilting/gone.ts";
import type { LayoutDeps, StoreMeter } from "./quilting/layouts/layout.ts";
import { Ledger, type UsableObjects } from "./quilting/layouts/ledger.ts";
import { ObjectLayout } from "./quilting/layouts/objects.ts";
import { PackLayout } from "./quilting/layouts/packs.ts";
import { HardLinks } from "./quilting/paths/hard-links.ts";
import { Quilter, type QuilterDeps } from "./quilting/quilter.ts";
import type { LockBudget } from "./quilting/reading/lock-wait.ts";
import type { SharedIndex } from "./shared-index/look-up.ts";
import type { Shrinkage } from "./shrinkage.ts";
import { ObjectTable } from "./state/tables/objects.ts";
import { PartTable } from "./state/tables/parts.ts";
import { lookUpBy, withClaims, withoutClaims } from "./usable.ts";

export type StoredFiles = {
  readonly parts: readonly PartRef[];
  /** Number of paths that pickers chose, with the folders above them. */
  readonly picked: number;
  /** Parts with the entries of dumps. */
  readonly dumps: readonly PartRef[];
  readonly counts: QuiltCounts;
  readonly extended: number;
  /** What the manifest may promise: as planned, or less if locks could not be made to reach it. */
  readonly promisedUntil: Date;
};

export type StoreFilesDeps = {
  readonly target: WriteTarget;
  readonly database: Database;
  readonly pick: PickPaths;
  /** Learns what others have stored. */
  readonly learn: () => Promise<void>;
  readonly plan: RetentionPlan;
  readonly lockBudget: LockBudget;
  /** Puts index objects for what was stored since the last call. */
  readonly indexNew: () => Promise<void>;
  /** Where chunks are looked up that others may have stored. */
  readonly shared: SharedIndex | undefined;
  /** Stores bundles, or finds that they are stored, before what they need is locked. */
  readonly bundle: () => Promise<void>;
  /** Takes dumps again that need what is not there, or cannot be kept locked. */
  readonly dumpAgain: () => Promise<void>;
  /** Counts what is read and stored. */
  readonly meter: StoreMeter;
  /** Made before any row changed. */
  readonly shrinkage: Shrinkage;
};

/** Files that are read before threads are started for the rest. */
const filesReadHere = 128;
/** Collecting what is left of so little would take longer than a run of a machine on which hardly anything changed. */
const bytesUncollected = 4 * 1024 ** 2;
/** A first backup of many terabytes lists what it stored on its way: other hosts need not wait for its end. */
const bytesBetweenIndexes = 4 * 1024 ** 3;

/** Memory is bounded on machines with many cores, too: each takes some 15 MiB, and the main thread can hardly keep up with more. */
const mostWorkersByDefault = 4;

export async function storeFiles(job: ArchiveJob, deps: StoreFilesDeps): Promise<StoredFiles> {
  const { database, plan, pick, shared, shrinkage } = deps;
  const expiring = new ObjectTable(database).idsExpiringBefore(plan.minimumLockEnd);
  const chosen = await choosePicked(job, { database, expiring, pick });
  using _ = chosen.paths;
  if (chosen.hasFiles) await deps.learn();
  // Only the first attempt: nothing is built upon a claim after claims were looked up.
  await quilt(job, deps, { chosen, usable: withClaims(deps), shared });
  noteAccounts(database, chosen);
  database.transaction(() => {
    dropGone(chosen.rows, database, (path) => shrinkage.gone(path));
    shrinkage.noteGone();
  })();
  let { counts } = chosen;
  const again = async () => {
    const usable = withoutClaims(deps);
    const second = await chooseAgain(job, { database, unusable: usable.expiring, counts });
    using _ = second.paths;
    await quilt(job, deps, { chosen: second, usable });
    counts = sumCounts(counts, second.counts);
  };
  const claims = { ...job, ...plan, database, mode: plan.retention.mode };
  const untrue = await step("look up claims", () => proveClaims(claims));
  if (untrue > 0) await step("snapshots", deps.dumpAgain);
  const sparse = repackSparsePacks(database, plan, job.config.content, "files", job.notify);
  if (untrue + sparse > 0) await again();
  const first = await writeAndLock(job, deps);
  shrinkage.report(first.parts, job.notify);
  const picked = chosen.total;
  if (first.lost === 0) return finished(job, deps, { ...first, picked, counts });
  // What could not be extended is unknown now, so this stores it again.
  await again();
  await step("snapshots", deps.dumpAgain);
  const second = await writeAndLock(job, deps);
  return finished(job, deps, { ...second, picked, counts, extended: first.extended + second.extended });
}

type LockedParts = Pick<StoredFiles, "parts" | "dumps"> & Extended;

async function writeAndLock(job: ArchiveJob, { target, database, plan, bundle }: StoreFilesDeps): Promise<LockedParts> {
  const { bucket, config, notify, signal } = job;
  await step("bundles", bundle);
  signal.throwIfAborted();
  const { retention, promisedUntil, minimumLockEnd } = plan;
  const expiring = new ObjectTable(database).idsExpiringBefore(minimumLockEnd);
  const { name } = config.backup;
  const writing = { target, database, name, expiring, notify };
  const parts = await step("parts", () => writeParts({ ...writing, tree: "files" }));
  const dumps = await step("parts of dumps", () => writeParts({ ...writing, tree: "dumps" }));
  const lock = { bucket, database, promisedUntil, retention, notify, signal };
  const locks = await step("locks", () => extendLocks(lock));
  return { parts, dumps, ...locks };
}

/** A file is new or changed by what the last run saw, not by what the first attempt of this one did. */
function sumCounts(first: QuiltCounts, second: QuiltCounts): QuiltCounts {
  const unchanged = Math.max(0, second.files - first.new - first.changed);
  return { ...second, new: first.new, changed: first.changed, unchanged };
}

type Attempt = {
  readonly chosen: Chosen;
  readonly usable: UsableObjects;
  readonly shared?: SharedIndex | undefined;
};

async function quilt(job: ArchiveJob, deps: StoreFilesDeps, { chosen, usable, shared }: Attempt): Promise<void> {
  const { target, database, plan, lockBudget, meter, indexNew, shrinkage } = deps;
  const { now, sleep, notify, signal, progress } = job;
  const { paths, counts } = chosen;
  const ledger = new Ledger(database, usable, plan.retention.until);
  using hardLinks = new HardLinks((path) => ledger.files.textsOf(path));
  const parts = earlyParts(job, deps, ledger, usable);
  const toLookAt = paths.size;
  const total = counts.files + counts.others + toLookAt;
  const readBefore = meter.bytesRead;
  let indexedBytes = 0;
  const pause = async () => {
    progress(counts.files + counts.others, total, counts.bytes);
    if (meter.bytesStored - indexedBytes > bytesBetweenIndexes) {
      indexedBytes = meter.bytesStored;
      await indexNew();
      ledger.commit();
    }
    await breathe(job);
  };
  const quilter = new Quilter({
    ...chosen,
    ledger,
    ...layoutOf(job, { target, ledger, meter, breathe: () => breathe(job), lookUp: lookUpBy(shared, ledger) }),
    hardLinks,
    expiring: usable.expiring,
    lockBudget,
    now,
    sleep,
    notify,
    signal,
    pause,
    idle: (settled) => parts?.advance(settled) === true,
    replaced: (folder, had) => shrinkage.replaced(folder, had),
  });
  try {
    await step("quilt", () => quilter.quilt(paths.inOrder()));
    ledger.checkSettled();
    await parts?.end();
  } finally {
    await quilter.abandon();
    await parts?.end().catch(() => undefined);
    ledger.close();
    if (toLookAt > filesReadHere || meter.bytesRead - readBefore > bytesUncollected) Bun.gc(true);
  }
}

/**
 * Returns what writes parts meanwhile, if there are none yet. What is claimed of an object may be wrong, and is in the parts of what uses
 * it.
 */
function earlyParts(
  { config, notify }: ArchiveJob,
  { target, database, shared }: StoreFilesDeps,
  ledger: Ledger,
  { claims, expiring }: UsableObjects,
): EarlyParts | undefined {
  const isFirst = new PartTable(database).all().length === 0;
  if (!isFirst || claims.size > 0 || shared !== undefined) return undefined;
  const { name } = config.backup;
  return new EarlyParts({ target, database, name, expiring, notify, tree: "files" }, ledger.files);
}

function layoutOf({ config, keyed, signal }: ArchiveJob, deps: LayoutDeps): Pick<QuilterDeps, "layout" | "ahead"> {
  const { layout, compression, compressionLevel, packSize } = config.content;
  const { workers = Math.min(availableParallelism(), mostWorkersByDefault) } = config.content;
  if (layout === "objects") {
    return { layout: new ObjectLayout(deps, { codec: compression, level: compressionLevel }, keyed), ahead: undefined };
  }
  const level = compression === "none" ? undefined : compressionLevel;
  const packs = new PackLayout(deps, { packSize, level, keyed, cores: workers });
  const threads = threadsAllowed(workers, descriptorLimit());
  if (threads === 0) return { layout: packs, ahead: undefined };
  const readers = new Readers({ threads, gear: keyed?.gear, signal });
  const take: ReadingAhead["take"] = (path, size, pieces) => packs.addRead(path, size, pieces);
  const takeSmall: ReadingAhead["takeSmall"] = (path, size, piece) => packs.addSmall(path, size, piece);
  const takeWhole: ReadingAhead["takeWhole"] = (source, start, end, sha256) =>
    packs.addWhole(source, start, end, sha256);
  return { layout: packs, ahead: { readers, after: filesReadHere, take, takeSmall, takeWhole } };
}

/** Never promises more than is locked: what could be neither extended nor stored again lowers the promise. */
function finished(
  { notify }: ArchiveJob,
  { database, plan }: StoreFilesDeps,
  attempt: LockedParts & Pick<StoredFiles, "counts" | "picked">,
): StoredFiles {
  const { parts, dumps, picked, counts, extended, lost, lostUntil } = attempt;
  // With nothing lost, no file or dump refers to what expires; else the next run needs to know what is to be stored again.
  if (lostUntil === undefined) {
    new ObjectTable(database).forgetExpiringBefore(plan.minimumLockEnd);
    return { parts, dumps, picked, counts, extended, promisedUntil: plan.promisedUntil };
  }
  const message = `${lost} objects could not be locked as long as promised; the backup promises less, until ${lostUntil.toISOString()}, and the next one stores them again`;
  notify({ level: "error", code: "promise-lowered", message });
  return { parts, dumps, picked, counts, extended, promisedUntil: lostUntil };
}
