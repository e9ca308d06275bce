/**
 * The archive job. The order of its steps is what makes a killed run harmless:
 *
 * 1. Take the run lock of the state folder: one run of a backup name at a time.
 * 2. Open the state database; read the index objects that were put since the last run, and verified objects before something is to be read.
 *    Before the first backup of a bucket, prove that it keeps locks.
 * 3. Run the snapshotters. Each dump lies in packs as files do, or is an object of its own (layout `objects`).
 * 4. Run the pickers; resolve what they print to the paths that are kept, and compare each with what the last run saw.
 * 5. Quilt: store new content of those that are new or changed. Each object is recorded in the state database as soon as it is put.
 * 6. Store the bundles that changed, each with its table of contents. Put the parts of the manifest that are not there yet: a first backup puts some of
 *    them meanwhile. Extend the locks of all that the manifest needs and that would expire before the promise.
 *    What cannot be extended is stored again: back to 5, once, and dumps that need it are taken again.
 * 7. Put the index objects, for other hosts.
 * 8. Put the manifest's root. From now on the backup exists.
 * 9. Put what the index objects list into the table of the fleet, if there is one.
 *
 * Killed before 8, a run leaves only locked objects that nothing refers to; the next run knows most of them and goes on
 * from there.
 */
import type { Database } from "bun:sqlite";
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import { type RunId, runOf } from "../format/keys/keys.ts";
import type { Notice, Notify } from "../notice.ts";
import type { WriteTarget } from "../stored/write.ts";
import { step } from "../trace.ts";
import { Bundling, type BundlingSummary, refuseForFiles } from "./bundle-step.ts";
import { passedEnvironment, withheldNotice } from "./executables/environment.ts";
import { findExecutables } from "./executables/find.ts";
import type { ArchiveJob } from "./job.ts";
import { clockSkew, startOfLocks } from "./locks/clock.ts";
import { type LockProofDeps, proveLock } from "./locks/lock-proof.ts";
import { minimumLockEnd, planRetention } from "./locks/retention.ts";
import { RunLog } from "./manifest/run-log.ts";
import { pickAll } from "./quilting/paths/pick-all.ts";
import { rightsOf } from "./rights.ts";
import { putRoot, rootOf } from "./root.ts";
import { SharedIndex } from "./shared-index/look-up.ts";
import { publishOwn } from "./shared-index/publish-own.ts";
import { believedSources, withTable } from "./shared-index/sources.ts";
import { Shrinkage } from "./shrinkage.ts";
import { Snapshotting } from "./snapshot-step.ts";
import { isCorruption, removeState, stateError, statePath } from "./state/database.ts";
import { lockState, makeStateDir } from "./state/folder.ts";
import { lastRoot, noteCompleted } from "./state/index/completed.ts";
import { indexDenied, syncIndex, syncVerified } from "./state/index/index-sync.ts";
import { writeIndexObjects } from "./state/index/index-write.ts";
import { demandMode } from "./state/lock-mode.ts";
import { isLockProven, noteLockProven } from "./state/lock-proven.ts";
import { demandSealing } from "./state/sealing-mark.ts";
import { OutdatedState } from "./state/tables/false-state.ts";
import { bucketIdentity, withStateDatabase } from "./state/use.ts";
import { noteMounts, refuseVanished } from "./state/vanished-bucket.ts";
import { type StoredFiles, type StoreFilesDeps, storeFiles } from "./store-files.ts";

export type ArchiveSummary = StoredFiles["counts"] & {
  readonly name: string;
  readonly key: string;
  readonly version: string;
  readonly retainUntil: Date;
  readonly started: Date;
  readonly finished: Date;
  readonly entries: number;
  readonly snapshots: number;
  readonly bundles: BundlingSummary;
  readonly bytesRead: number;
  readonly bytesStored: number;
  readonly objectsStored: number;
  readonly extended: number;
  readonly warnings: number;
  readonly errors: number;
};

/** Throws a Failure if no backup came about; what is merely missing from it is a notice, and counted. */
export async function archive(job: ArchiveJob): Promise<ArchiveSummary> {
  const { backup } = job.config;
  await checkAnythingToDo(job);
  await makeStateDir(backup.stateDir);
  const lock = await lockState(`${statePath(backup.stateDir, backup.name)}.lock`);
  try {
    return await withState(job, (database, rebuilt) => run(job, database, rebuilt));
  } finally {
    lock.release();
  }
}

async function checkAnythingToDo(job: ArchiveJob): Promise<void> {
  const { pickersDir, snapshotsDir, notify } = job;
  if (job.config.bundles.length > 0) return;
  if (job.bundlesOnly) throw noBundles();
  const heard: Notice[] = [];
  const hear = (notice: Notice) => heard.push(notice);
  const pickers = await findExecutables(pickersDir, "picker", hear, rightsOf(job));
  const snapshotters = await findExecutables(snapshotsDir, "snapshotter", hear, rightsOf(job));
  if (pickers.length + snapshotters.length > 0) return;
  // A run notifies of these itself; without one, they say why there is none.
  for (const notice of heard) notify(notice);
  throw new Failure({
    doing: "archive what is picked by",
    what: pickersDir,
    why: "there is no executable picker, and no snapshotter either",
    remedy: "put one there and make it executable; docs/pickers.md shows how",
    exit: exitStatus.usage,
  });
}

function noBundles(): Failure {
  return new Failure({
    doing: "store bundles",
    why: "conf has no section [bundle NAME], and no --backup-path is given",
    remedy: "docs/bundling.md shows both",
    exit: exitStatus.usage,
  });
}

/** The script's keys have names of folders. */
function adoptedUnsealed(): Failure {
  return new Failure({
    doing: "take up what the script has stored",
    why: "backups of this machine are sealed, and the script's keys have the names of folders",
    remedy: "leave out --adopt: what is in the folders is sent, sealed; what the script stored stays as it is",
    exit: exitStatus.usage,
  });
}

/** Each picker may have nothing to say; but nobody wants a backup of nothing, and few would notice it. */
function nothingPicked(pickersDir: string): Notice {
  const message = `the backup is empty: no picker in ${JSON.stringify(pickersDir)} printed a path that is there, and no snapshot was stored`;
  return { level: "warning", code: "nothing-picked", message };
}

type UseDatabase<T> = (database: Database, rebuilt: Notice | undefined) => Promise<T>;

/** The database is a cache: found unusable, before or while it is used, it is rebuilt and the run begins again. */
async function withState<T>(job: ArchiveJob, use: UseDatabase<T>): Promise<T> {
  const path = statePath(job.config.backup.stateDir, job.config.backup.name);
  const bucket = bucketIdentity(job.bucket.url, job.config);
  try {
    return await withStateDatabase(path, bucket, (database) => use(database, undefined));
  } catch (error) {
    if (!isCorruption(error)) throw stateError(path, error);
    const rebuilt = rebuiltNotice(path, error);
    await removeState(path);
    return withStateDatabase(path, bucket, (database) => use(database, rebuilt)).catch((again: unknown) => {
      throw stateError(path, again);
    });
  }
}

/** Returns what is said of the rebuilding. A machine that was off until all had expired has no trouble with its state. */
function rebuiltNotice(path: string, error: unknown): Notice {
  const why = `${JSON.stringify(path)} cannot be used: ${reasonOf(error)}; it is rebuilt from the bucket's index`;
  if (error instanceof OutdatedState)
    return {
      level: "info",
      code: "state-outdated",
      message: `the state database ${why}, and the rest is stored again`,
    };
  return { level: "warning", code: "state-rebuilt", message: `the state database ${why}` };
}

type Variables = Readonly<Record<string, string>>;

/** Returns what pickers and snapshotters get of the environment, and says what they do not get. */
function variablesOf({ environment, config }: ArchiveJob, notify: Notify): Variables {
  const passed = passedEnvironment(environment, config.backup.passEnvironment);
  if (passed.withheld.length > 0) notify(withheldNotice(passed.withheld));
  return passed.environment;
}

function pickerOf(job: ArchiveJob, environment: Variables, notify: Notify): StoreFilesDeps["pick"] {
  if (job.bundlesOnly) return () => Promise.resolve();
  const { content } = job.config;
  const options = {
    folder: job.pickersDir,
    privileged: rightsOf(job),
    environment,
    timeoutMs: content.pickerTimeout,
    follow: content.follow,
    // Nobody else can have put their links there.
    trusted: new Set([0, process.geteuid?.() ?? 0]),
    notify,
    signal: job.signal,
  };
  return (taker) => step("pick", () => pickAll(options, taker));
}

async function mustKeepLocks(database: Database, deps: LockProofDeps, notify: Notify): Promise<void> {
  if (isLockProven(database, deps.mode)) return;
  const doubt = await proveLock(deps);
  if (doubt === undefined) return noteLockProven(database, deps.mode, deps.start);
  const message = `whether the bucket keeps locks is not proved: the role may not read them (${doubt}); allow it s3:GetObjectRetention: run update-resources`;
  notify({ level: "warning", code: "lock-not-proved", message });
}

async function run(job: ArchiveJob, database: Database, rebuilt: Notice | undefined): Promise<ArchiveSummary> {
  const log = new RunLog(job.notify, job.now);
  if (rebuilt !== undefined) log.notify(rebuilt);
  const begun = await begin({ ...job, notify: log.notify }, database);
  const stored = await store({ ...job, notify: log.notify }, database, begun);
  job.signal.throwIfAborted();
  const root = await conclude(job, database, { ...begun, ...stored, log });
  const { files, snapshots, bundling } = stored;
  return {
    ...files.counts,
    ...stored.meter,
    name: job.config.backup.name,
    ...root,
    retainUntil: files.promisedUntil,
    started: begun.id.start,
    finished: job.now(),
    snapshots: snapshots.length,
    bundles: bundling.summary,
    extended: files.extended,
    warnings: log.counts.warning,
    errors: log.counts.error,
  };
}

type BegunRun = Awaited<ReturnType<typeof begin>>;

/** Step 2: reads the index, and sees that the bucket keeps what is promised. Stores nothing but the proof of a lock. */
async function begin(job: ArchiveJob, database: Database) {
  const { config, bucket, now, signal, notify } = job;
  const { content } = config;
  const { name } = config.backup;
  const started = now();
  const id: RunId = { start: started, run: runOf(started, job.random(4)) };
  if (job.keyed !== undefined && job.adoptBundles) throw adoptedUnsealed();
  demandSealing(database, job.keyed?.mark ?? "");
  await step("look at the bucket", () => refuseVanished(bucket, database));
  const { dynamodbTable } = config.index;
  const table = dynamodbTable === undefined ? undefined : job.openTable(dynamodbTable);
  // What others say is asked of the table when it is needed.
  const { shareWith, believeVerified } = table === undefined ? content : withTable(content.shareWith, name);
  const oldest = minimumLockEnd(started);
  const sync = { bucket, database, name, shareWith, minimumLockEnd: oldest, now: started, notify, signal };
  const isIndexListed = await step("read index", () => syncIndex(sync));
  const skew = clockSkew(now(), bucket.serverTime(), notify);
  const plan = planRetention(startOfLocks(started, skew), content.daysRetained, content.lockMode);
  await demandMode(database, content.lockMode, plan.promisedUntil);
  const proof = { bucket, name, mode: content.lockMode, start: startOfLocks(started, skew) };
  await step("prove locks", () => mustKeepLocks(database, proof, notify));
  // Not before something else is allowed: with wrong keys, nothing is.
  if (!isIndexListed) notify(indexDenied);
  let isLearned = !isIndexListed || !believeVerified;
  const learn = async () => {
    if (!isLearned) await step("read verified", () => syncVerified(sync));
    isLearned = true;
  };
  return { id, skew, plan, table, learn };
}

type StoredContent = Awaited<ReturnType<typeof store>>;

/** Steps 3 to 7: all but the root. */
async function store(job: ArchiveJob, database: Database, { id, plan, table, learn }: BegunRun) {
  const { config, bucket, now, notify } = job;
  const { content } = config;
  const { name } = config.backup;
  if (job.bundlesOnly) refuseForFiles(database, name);
  const target: WriteTarget = { bucket, retention: plan.retention, filters: job.filters };
  const sources = believedSources(content, name);
  const shared =
    table && new SharedIndex({ table, database, sources, minimumLockEnd: plan.minimumLockEnd, now, notify });
  const meter = { bytesRead: 0, bytesStored: 0, objectsStored: 0 };
  const variables = job.bundlesOnly ? {} : variablesOf(job, notify);
  const snapshotting = new Snapshotting(job, { target, database, plan, shared, meter, learn, variables });
  await step("snapshots", () => snapshotting.run());
  const lockBudget = { left: content.lockTimeout };
  const bundling = new Bundling(job, { database, plan, lockBudget });
  // Not the manifest's: who can read the index shall not know the key of a root before it is put.
  const indexRun = runOf(id.start, job.random(4));
  const indexNew = () => step("write index", () => writeIndexObjects({ target, database, name, run: indexRun, now }));
  const pick = pickerOf(job, variables, notify);
  const steps = { indexNew, bundle: () => bundling.run(), dumpAgain: () => snapshotting.again() };
  const shrinkage = new Shrinkage(database, id.start);
  const deps = { target, database, shared, pick, learn, plan, lockBudget, meter, shrinkage, ...steps };
  const files = await storeFiles(job, deps);
  const { snapshots } = snapshotting;
  if (files.picked + snapshots.length + config.bundles.length === 0) notify(nothingPicked(job.pickersDir));
  await indexNew();
  return { target, shared, meter, files, shrinkage, snapshots, bundling };
}

/** Steps 8 and 9. */
async function conclude(job: ArchiveJob, database: Database, run: BegunRun & StoredContent & { readonly log: RunLog }) {
  const { id, skew, plan, table, target, shared, files, snapshots, log } = run;
  const { bucket, keyed, signingKey, signal } = job;
  const { name } = job.config.backup;
  const { bundles } = run.bundling;
  const previous = lastRoot(database);
  const manifest = rootOf(job, { id, skew, plan, files, snapshots, bundles, log, previous });
  const root = await step("root", () => putRoot(manifest, { target, database, id, keyed, signingKey }));
  noteCompleted(database, id.start, root);
  run.shrinkage.noteReported();
  noteMounts(bucket, database);
  const own = { bucket, database, name, now: id.start, notify: log.notify, signal };
  if (table !== undefined && shared?.failed !== true) await step("publish", () => publishOwn({ ...own, table }));
  return { key: root.key, version: root.version, entries: manifest.totals.entries };
}
