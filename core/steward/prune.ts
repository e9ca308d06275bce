/**
 * Removes the backups that a policy does not keep, and what no other backup needs:
 *
 * 1. Note the time; list all roots; let the policy choose among those that are backups.
 * 2. Of the roots that are to go, find those that are locked: they stay, and so does what they need.
 * 3. Read what all roots that stay need. If one that is kept cannot be read, what it may need stays, too: see `holds.ts`.
 * 4. Remove the other roots. From now on those backups do not exist. Then the parts, packs, content and dumps that nothing
 *    needs: each *version*, for manifests name versions.
 * 5. Remove index objects that speak of nothing that exists.
 *
 * Killed between any two requests, it leaves only what the next prune removes.
 *
 * Archives of other hosts may run meanwhile, without any lock file. An object that a new manifest is about to need is not
 * among what step 3 found, so it must not be removed. It is not, because step 4 removes only what was unlocked when the
 * prune *began* (each lock is looked at, and S3 refuses those that came later):
 *
 * - What an archive stores itself is locked from its first moment, past the promise of its manifest.
 * - What it finds stored it builds upon only if the lock lasts two days from the start of the archive; a lock never becomes
 *   shorter. If that ends before the promise, the archive extends it before it puts its root.
 * - So if an object was unlocked when the prune began, an archive that builds upon it started more than two days before,
 *   and has not extended it yet. It is about to: either S3 does that first, and refuses the removal; or the removal comes
 *   first, the archive learns that the object is missing, and stores the content again.
 * - A root that was put before the prune began was listed, and one that is put later has all locked that it needs, until
 *   a promise that ends after the prune began. Even if the prune takes so long that the promise ends on its way, what
 *   was locked when it began stays.
 */
import type { Bucket } from "../bucket/contract.ts";
import { wrapBucket } from "../bucket/wrap.ts";
import { References } from "../manifest/references/references.ts";
import type { Notify } from "../notice.ts";
import { eachOf } from "../side-by-side.ts";
import { Garbage } from "../system/threads/garbage.ts";
import { Growth, type Holding } from "./growth.ts";
import { Holds } from "./holds.ts";
import { chooseRoots, type RootDecision, type Uncounted } from "./kept.ts";
import { Needs, type Unreadable } from "./needs-of.ts";
import type { Policy } from "./policy.ts";
import { type Lock, Remover } from "./remover.ts";
import type { Root } from "./root.ts";
import { sweep } from "./sweep.ts";
import { type Fate, Tally } from "./tally.ts";
import { findAllRoots } from "./whole-list.ts";

/** What a prune needs of a bucket. In a dry run, its `remove` does nothing: `withoutRemovals`. */
export type PruneBucket = Pick<Bucket, "get" | "retention" | "list" | "listVersions" | "remove" | "serverTime">;

export type PruneJob = {
  readonly bucket: PruneBucket;
  /** Whose backups may go; undefined: those of all names. */
  readonly names: readonly string[] | undefined;
  readonly policy: Policy;
  /** Backup names and keys whose unreadable manifests hold nothing back. */
  readonly giveUp: readonly string[];
  readonly now: () => Date;
  readonly notify: Notify;
  readonly onProgress: (objects: number) => void;
  readonly signal: AbortSignal;
};

export type PrunedBackup = {
  readonly name: string;
  readonly key: string;
  /** When the server stored it. */
  readonly time: Date;
  readonly fate: Fate;
  /** Why it is kept: see `RootDecision`. */
  readonly reasons: readonly string[];
};

export type PruneSummary = {
  /** Backups of the names chosen, newest first within a name. */
  readonly backups: readonly PrunedBackup[];
  readonly tally: Tally;
  /** What the chosen names hold. */
  readonly holdings: readonly Holding[];
  /** Roots, parts and other keys among the manifests that cannot be read, and those of them that hold removals back. */
  readonly unreadable: number;
  readonly holding: number;
};

/** A bucket for a dry run: its `remove` does nothing. */
export function withoutRemovals(bucket: Bucket): Bucket {
  return wrapBucket(bucket, { remove: async () => {} });
}

export async function prune(job: PruneJob): Promise<PruneSummary> {
  const { bucket, names, notify, onProgress, signal } = job;
  const start = job.now();
  const { roots, strangers } = await findAllRoots(bucket);
  const began = byEarlierClock(start, job.now(), bucket.serverTime());
  const now = bucket.serverTime() ?? start;
  const tally = new Tally();
  const remover = new Remover({ bucket, began, tally, notify });
  const holds = new Holds(job);
  for (const stranger of strangers) holds.addStranger(stranger);
  using references = new References();
  const needs = new Needs({ bucket, references, demandOf: () => undefined, now, signal });
  const deps = { ...job, roots, timeOfServer: now, needs, remover, tally, holds };
  const { decisions, fates } = await settleRoots(deps);
  const living = new Set(roots.filter((root) => fates.get(root) !== "removed").map((root) => root.name));
  const growth = new Growth(roots, now);
  await sweep({ bucket, references, remover, tally, holds, growth, living, now: began, onProgress, signal });

  const isChosen = (name: string) => names?.includes(name) ?? true;
  const chosen = decisions.filter(({ backup }) => isChosen(backup.name));
  const backups = chosen.map(({ backup, reasons }) => {
    return { name: backup.name, key: backup.key, time: backup.time, fate: fates.get(backup) ?? "kept", reasons };
  });
  const holdings = growth.holdings(needs.names(), isChosen, true);
  holds.reportRest();
  growth.warn(holdings, notify);
  return { backups, tally, holdings, unreadable: holds.unreadable, holding: holds.held };
}

type SettleDeps = PruneJob & {
  readonly roots: readonly Root[];
  readonly timeOfServer: Date;
  readonly needs: Needs;
  readonly remover: Remover;
  readonly tally: Tally;
  readonly holds: Holds;
};

type Settled = { readonly decisions: readonly RootDecision[]; readonly fates: Map<Root, Fate> };

/** Steps 1 to 4, as far as roots go. Afterwards `needs` has all that those which remain need. */
async function settleRoots(deps: SettleDeps): Promise<Settled> {
  const { roots, names, policy, timeOfServer, needs, holds, remover, tally, notify, signal } = deps;
  const judged = async (root: Root, looking: Promise<Uncounted | undefined>) => {
    const uncounted = await looking;
    return uncounted && { ...uncounted, mayBeOne: uncounted.mayBeOne && !holds.isGivenUp(root) };
  };
  const read = (root: Root) => judged(root, needs.add(root, holds.add));
  const look = (root: Root) => judged(root, needs.look(root, holds.add));
  const keep = (root: Root) => needs.keep(root, holds.add);
  const decisions = await chooseRoots(roots, {
    names,
    policy,
    now: timeOfServer,
    read,
    look,
    keep,
    isComplete: (root) => needs.isComplete(root),
  });
  const kept = decisions.flatMap(({ backup, reasons }) => (reasons.length > 0 ? [backup] : []));
  const outside = decisions.flatMap(({ backup, reasons }) => (reasons.length > 0 ? [] : [backup]));
  const fates = new Map<Root, Fate>(kept.map((root) => [root, "kept"]));
  let warned = 0;
  const warn = (locked: Unreadable) => {
    warned += 1;
    if (warned <= mostWarned) notify(unreadable(locked));
  };
  const addLocked = async (these: readonly Root[]) => {
    await eachOf(these, atOnce, (root) => needs.keep(root, warn));
    await needs.addParts(warn);
  };

  const going = await unlockedOf(outside, remover, tally, fates);
  await needs.addParts(holds.add);
  await addLocked(outside.filter((root) => fates.has(root)));
  await eachOf(going, atOnce, async (root) => {
    signal.throwIfAborted();
    fates.set(root, await removeRoot(root, remover));
  });
  await addLocked(going.filter((root) => fates.get(root) !== "removed"));
  for (const root of kept) for (const version of root.versions) tally.add(classifiedRoot(root), version, "kept");
  return { decisions, fates };
}

/** What looking at a lock leaves. */
const garbageOfLock = 4_096;
const garbage = new Garbage(16 * 1024 * 1024);

const atOnce = 8;
const mostWarned = 10;

/** Returns the beginning by the earlier of two clocks: by one that is ahead, locks would seem over that still held. */
function byEarlierClock(start: Date, now: Date, server: Date | undefined): Date {
  const behind = server === undefined ? 0 : now.getTime() - server.getTime();
  return new Date(start.getTime() - Math.max(0, behind));
}

const classifiedRoot = ({ name }: Root) => ({ kind: "root", name }) as const;

/** Returns the roots of which no version is locked: a root goes whole or not at all. Tallies the others. */
async function unlockedOf(roots: readonly Root[], remover: Remover, tally: Tally, fates: Map<Root, Fate>) {
  await eachOf(roots, atOnce, async (root) => {
    const locks: (Lock | undefined)[] = [];
    await eachOf(root.versions.entries(), atOnce, async ([number, version]) => {
      locks[number] = await remover.lockOf(version);
      garbage.left(garbageOfLock);
    });
    const [first] = locks.flatMap((lock) => lock ?? []);
    if (first === undefined) return;
    fates.set(root, first.fate);
    for (const [number, version] of root.versions.entries()) {
      tally.add(classifiedRoot(root), version, locks[number]?.fate ?? first.fate, locks[number]?.until);
    }
  });
  return roots.filter((root) => !fates.has(root));
}

/** Removes all versions, from the newest on: if one cannot be removed, the older ones stay as well. */
async function removeRoot(root: Root, remover: Remover): Promise<Fate> {
  for (const version of root.versions) {
    const fate = await remover.remove(classifiedRoot(root), version);
    if (fate !== "removed") return fate;
  }
  await remover.removeMarkers(root.markers);
  return "removed";
}

function unreadable({ object, loss: { how } }: Unreadable) {
  const message = `what the locked ${JSON.stringify(object.key)} needs is not known: ${how}; the policy does not keep it, so the prune goes on`;
  return { level: "warning", code: "locked-unreadable", message } as const;
}
