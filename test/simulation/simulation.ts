/**
 * Years of daily archives, prunes and renewals by several hosts over one directory bucket, with a simulated clock. After
 * each day every backup that exists is checked against what its files were, and the bucket against its locks:
 *
 * - a new backup: the content of each file is read, and compared;
 * - daily: all that each backup needs is there, in its size, locked as promised; one by chance is restored and compared;
 * - weekly: the bytes and locks on the disk are those that were put, so that what was read once reads the same again;
 * - every four weeks, and at the end: the content of each file of each backup is read again.
 *
 * What must not happen is reported with seed, day and host, so that it can be repeated: see `docs/simulation.md`.
 */
import type { Bucket } from "../../core/bucket/contract.ts";
import { count, noCounts } from "../../core/bucket/decorators/count.ts";
import { wrapBucket } from "../../core/bucket/wrap.ts";
import { checkContents, checkFiles, checkNeeds, checkRestore, checkVerify } from "./checks.ts";
import { TooManyViolations } from "./clock.ts";
import type { Expiry } from "./expiry.ts";
import { type Figures, spaceOf } from "./figures.ts";
import type { Host } from "./host.ts";
import { isWithin } from "./scenario.ts";
import { pruneAll, renewDead } from "./steward.ts";
import { treeOf } from "./tree.ts";
import { makeWorld, type World, type WorldOptions } from "./world.ts";

const daysBetweenReleases = 75;
const killsOnceIn = 40;
const minutesBetweenHosts = 20;

export type Outcome = { readonly violations: readonly string[]; readonly figures: Figures };

export async function simulate(options: WorldOptions): Promise<Outcome> {
  const world = await makeWorld(options);
  try {
    for (let today = 0; today < world.scenario.days; today += 1) await liveDay(world, today);
    checkFiles(world);
    await checkContents(world);
  } catch (error) {
    if (!(error instanceof TooManyViolations)) throw error;
  }
  const { figures, violations, watcher, backups, clock } = world;
  figures.space = spaceOf(watcher.versions, backups.kept(world.scenario.policy), clock.now());
  figures.backupsKept = backups.kept(world.scenario.policy).length;
  figures.backupsThere = backups.all().length;
  return { violations: violations.all, figures };
}

async function liveDay(world: World, today: number): Promise<void> {
  const { hosts, clock } = world;
  if (world.expiry !== undefined) await expire(world, world.expiry, today);
  const running = hosts.filter((host) => host.isRunning(today));
  const pruneDay = today % 7 === 6 && world.expiry === undefined;
  const besideArchive = today % 14 === 6;
  for (const [number, host] of running.entries()) {
    clock.set(today, 120 + number * minutesBetweenHosts + world.chance.whole(0, 9));
    const last = number === running.length - 1;
    const beside = pruneDay && besideArchive && last ? pruneAll(world, false) : undefined;
    await Promise.all([liveWith(world, host, today), beside]);
  }
  clock.set(today, 300);
  if (pruneDay && !besideArchive) await pruneAll(world, true);
  if (today % 7 === 6) await renewDead(world);
  checkNeeds(world);
  await checkRestore(world);
  if (today % 7 === 0) checkFiles(world);
  if (today % 28 === 27) await checkContents(world);
  if (today % 7 === 0 && world.expiry !== undefined) await checkVerify(world);
}

/** S3's own work, before anybody is up. */
async function expire(
  { clock, backups, renewed, violations, figures }: World,
  expiry: Expiry,
  today: number,
): Promise<void> {
  clock.set(today, 0);
  const tell = violations.under("expiry");
  await expiry.work(clock.now(), tell);
  figures.objectsPruned = expiry.removed;
  const kept = [...renewed.values()].filter(({ until }) => until > clock.now()).flatMap((one) => one.backups);
  figures.backupsPruned += backups.dropExpired(tell, new Set(kept.map(({ key }) => key)));
}

/** A host's day: its files change, and are backed up. */
async function liveWith(world: World, host: Host, today: number): Promise<void> {
  const { clock, violations, backups, figures } = world;
  const time = clock.now();
  host.mishaps(today);
  if (today === 0) host.life.begin(time);
  if (today % daysBetweenReleases === 0) host.life.install(today / daysBetweenReleases, time);
  if (!isWithin(today, host.plan.quiet)) host.life.day(time);
  const tree = treeOf(host.folder, host.digests);
  const tell = violations.under(host.plan.name);
  const killed = !(await archiveOnce(world, host, today));
  const taken = await backups.take(host.plan.name, host.folder, tree, tell);
  if (!killed && taken !== 1) tell(`a run made ${taken} backups`);
  if (killed) figures.killed += 1;
}

/** False where it was killed on its way. */
async function archiveOnce(world: World, host: Host, today: number): Promise<boolean> {
  const { clock, chance, violations, figures } = world;
  const counts = noCounts();
  const tell = violations.under(host.plan.name);
  const kill = new AbortController();
  const killAfter = chance.once(killsOnceIn) ? chance.whole(1, 6) : Number.POSITIVE_INFINITY;
  const bucket = stopping(count(world.bucket, counts), killAfter, kill);
  try {
    const {
      extended,
      changed,
      new: created,
      retainUntil,
      started,
    } = await host.archive(today, {
      bucket,
      now: clock.now,
      chance,
      notify: ({ level, code, message }) => {
        figures.notices.set(code, (figures.notices.get(code) ?? 0) + 1);
        if (level === "error") tell(`${code}: ${message}`);
      },
      signal: kill.signal,
    });
    const promised = retainUntil.getTime() - started.getTime();
    if (promised < world.scenario.daysRetained * 24 * 3_600_000) tell(`it promised ${promised} ms only`);
    figures.archives.add(counts, today);
    if (extended + changed + created === 0) figures.unchanged.add(counts, today);
    return true;
  } catch (error) {
    if (!kill.signal.aborted) throw error;
    return false;
  }
}

/** Aborts before the request that would be one too many of those that write. */
function stopping(bucket: Bucket, after: number, kill: AbortController): Bucket {
  let writes = 0;
  const write = <T>(request: () => Promise<T>): Promise<T> => {
    writes += 1;
    if (writes > after) kill.abort(new Error("killed"));
    return kill.signal.aborted ? Promise.reject(kill.signal.reason) : request();
  };
  return wrapBucket(bucket, {
    put: (key, body, options) => write(() => bucket.put(key, body, options)),
    extend: (key, version, retention) => write(() => bucket.extend(key, version, retention)),
  });
}
