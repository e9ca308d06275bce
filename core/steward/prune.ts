/**
 * Removes the backups that a policy does not keep, and what no other backup needs:
 *
 * 1. Note the time; list all roots; let the policy choose.
 * 2. Of the roots that are to go, find those that are locked: they stay, and so does what they need.
 * 3. Read what all roots that stay need. If one that is kept cannot be read, the prune ends here: nothing was removed yet.
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
import type { Bucket, Stored } from "../bucket/contract.ts";
import { wrapBucket } from "../bucket/wrap.ts";
import { Failure } from "../failure.ts";
import type { Loss } from "../manifest/loss.ts";
import { References } from "../manifest/references/references.ts";
import type { Notify } from "../notice.ts";
import { eachOf } from "../side-by-side.ts";
import { chooseRoots, type Root, type RootDecision } from "./kept.ts";
import { addNeedsOf, type ReadNeedsOptions } from "./needs-of.ts";
import type { Policy } from "./policy.ts";
import { Remover } from "./remover.ts";
import { sweep } from "./sweep.ts";
import { type Fate, Tally } from "./tally.ts";
import { findAllRoots } from "./whole-list.ts";

/** What a prune needs of a bucket. In a dry run, its `remove` does nothing: `withoutRemovals`. */
export type PruneBucket = Pick<Bucket, "get" | "retention" | "list" | "listVersions" | "remove" | "serverTime">;

export type PruneJob = {
  readonly bucket: PruneBucket;
  /** Whose backups may go; undefined: those of all names. */
  readonly name: string | undefined;
  readonly policy: Policy;
  readonly now: () => Date;
  readonly notify: Notify;
  readonly onProgress: (objects: number) => void;
  readonly signal: AbortSignal;
};

export type PrunedBackup = {
  readonly name: string;
  readonly key: string;
  readonly time: Date;
  readonly fate: Fate;
  /** Why it is kept: see `RootDecision`. */
  readonly reasons: readonly string[];
};

export type PruneSummary = {
  /** Backups of the names chosen, newest first within a name. */
  readonly backups: readonly PrunedBackup[];
  readonly tally: Tally;
};

/** A bucket for a dry run: its `remove` does nothing. */
export function withoutRemovals(bucket: Bucket): Bucket {
  return wrapBucket(bucket, { remove: async () => {} });
}

export async function prune(job: PruneJob): Promise<PruneSummary> {
  const { bucket, name, policy, notify, onProgress, signal } = job;
  const start = job.now();
  const roots = await findAllRoots(bucket);
  const began = byEarlierClock(start, job.now(), bucket.serverTime());
  const decisions = chooseRoots(roots, { name, policy, now: start, notify });
  const tally = new Tally();
  const remover = new Remover({ bucket, began, tally, notify });
  using references = new References();
  const fates = await settleRoots(decisions, { ...job, references, remover, tally });
  const living = new Set(roots.filter((root) => fates.get(root) !== "removed").map((root) => root.name));
  await sweep({ bucket, references, remover, tally, living, now: began, onProgress, signal });

  const chosen = decisions.filter(({ backup }) => name === undefined || backup.name === name);
  const backups = chosen.map(({ backup, reasons }) => {
    return { name: backup.name, key: backup.key, time: backup.time, fate: fates.get(backup) ?? "kept", reasons };
  });
  return { backups, tally };
}

type SettleDeps = PruneJob & { readonly references: References; readonly remover: Remover; readonly tally: Tally };

/** Steps 2 to 4, as far as roots go. Afterwards `references` has all that those which remain need. */
async function settleRoots(decisions: readonly RootDecision[], deps: SettleDeps): Promise<Map<Root, Fate>> {
  const { bucket, references, remover, tally, notify, signal } = deps;
  const kept = decisions.flatMap(({ backup, reasons }) => (reasons.length > 0 ? [backup] : []));
  const outside = decisions.flatMap(({ backup, reasons }) => (reasons.length > 0 ? [] : [backup]));
  const fates = new Map<Root, Fate>(kept.map((root) => [root, "kept"]));
  const read = (these: readonly Root[], onUnreadable: ReadNeedsOptions["onUnreadable"]) =>
    addNeedsOf(versionsOf(these), { bucket, references, demandOf: () => undefined, onUnreadable, signal });
  const warn: ReadNeedsOptions["onUnreadable"] = (object, loss) => notify(unreadable(object, loss));

  const going = await unlockedOf(outside, remover, tally, fates);
  await read(kept, stop);
  await read(
    outside.filter((root) => fates.has(root)),
    warn,
  );
  await eachOf(going, atOnce, async (root) => {
    signal.throwIfAborted();
    fates.set(root, await removeRoot(root, remover));
  });
  await read(
    going.filter((root) => fates.get(root) !== "removed"),
    warn,
  );
  for (const root of kept) for (const version of root.versions) tally.add(classifiedRoot(root), version, "kept");
  return fates;
}

const atOnce = 8;

/** Returns the beginning by the earlier of two clocks: by one that is ahead, locks would seem over that still held. */
function byEarlierClock(start: Date, now: Date, server: Date | undefined): Date {
  const behind = server === undefined ? 0 : now.getTime() - server.getTime();
  return new Date(start.getTime() - Math.max(0, behind));
}

const classifiedRoot = ({ name }: Root) => ({ kind: "root", name }) as const;

function versionsOf(roots: readonly Root[]): Stored[] {
  return roots.flatMap(({ versions }) => versions);
}

/** Returns the roots of which no version is locked: a root goes whole or not at all. Tallies the others. */
async function unlockedOf(roots: readonly Root[], remover: Remover, tally: Tally, fates: Map<Root, Fate>) {
  await eachOf(roots, atOnce, async (root) => {
    const locks = await Promise.all(root.versions.map((version) => remover.lockOf(version)));
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

function stop({ key, version }: Stored, { how }: Loss): never {
  throw new Failure({
    doing: "find out what the kept backups still need from",
    what: key,
    why: `${how} (version ${version}); nothing was removed`,
    remedy:
      "run `sysbackup verify` to see what is lost; remove that version of the root by hand once its backup is given up",
  });
}

function unreadable({ key }: Stored, { how }: Loss) {
  const message = `what the locked ${JSON.stringify(key)} needs is not known: ${how}; the policy does not keep it, so the prune goes on`;
  return { level: "warning", code: "locked-unreadable", message } as const;
}
