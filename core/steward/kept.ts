/** Decides which backups of which names are kept. */

import type { BucketReader } from "../bucket/contract.ts";
import { day } from "../format/day.ts";
import { prefixes } from "../format/keys/keys.ts";
import { parseLegacyKey } from "../format/keys/legacy-keys.ts";
import { contradictionOf } from "../manifest/dates.ts";
import { LegacyPairs } from "../manifest/legacy/roots.ts";
import { contradictedAt, NewestRoots, takeUsable } from "../manifest/newest.ts";
import { noSuchName } from "../manifest/no-such-name.ts";
import { type ListedRoot, mostVersions, type VersionLister } from "../manifest/roots.ts";
import { eachOf } from "../side-by-side.ts";
import { Garbage } from "../system/threads/garbage.ts";
import { applyPolicy, type Policy } from "./policy.ts";
import { legacyRootOf, type Root, rootOf } from "./root.ts";
import { classify, type KeyVersions, listKeys } from "./versions.ts";

/** What lies under `manifests/`, but for parts. */
export type FoundManifests = {
  /** In byte order of key, also those that a delete marker hides: they can be restored by version. */
  readonly roots: readonly Root[];
  /** Keys that this version does not write: of another tool or a newer version, or somebody's junk. */
  readonly strangers: readonly KeyVersions[];
};

/** `reasons` are the policy's; or `not chosen`, for a name that was not asked for; or why it does not count. */
export type RootDecision = { readonly backup: Root; readonly reasons: readonly string[] };

/** What going through roots leaves of each: anybody may put very many. */
const garbageOfRoot = 1024;
const garbage = new Garbage(16 * 1024 * 1024);

export async function findRoots(bucket: VersionLister): Promise<FoundManifests> {
  const roots: Root[] = [];
  const strangers: KeyVersions[] = [];
  const legacy = new Map<string, LegacyPairs>();
  for await (const keys of listKeys(bucket, prefixes.manifests)) {
    garbage.left(keys.length * garbageOfRoot);
    for (const found of keys) {
      const time = found.versions.at(-1)?.stored;
      if (time === undefined || classify(found.key)?.kind === "part") continue;
      const legacyKey = parseLegacyKey(found.key);
      if (legacyKey !== undefined) {
        const pairs = legacy.get(legacyKey.name) ?? new LegacyPairs();
        legacy.set(legacyKey.name, pairs);
        roots.push(...legacyRoots(found, pairs));
        continue;
      }
      const root = rootOf(found, time, roots.at(-1));
      if (root === undefined) strangers.push(found);
      else roots.push(root);
    }
  }
  for (const pairs of legacy.values()) for (const root of pairs.rest()) roots.push(legacyRootOf(root, []));
  return { roots, strangers };
}

/** Each version of its own. Delete markers go with the newest: then nothing is left under them. */
function* legacyRoots({ versions, markers }: KeyVersions, pairs: LegacyPairs): Generator<Root> {
  for (const [number, version] of versions.entries())
    for (const root of pairs.take(version)) yield legacyRootOf(root, number === 0 ? markers : []);
}

/** The root as readers of manifests know it. */
export function listedRoot({ key, name, stamp, run, time, versions, hidden, kind }: Root): ListedRoot {
  if (kind !== undefined) {
    const plain = versions.map(({ key, version, size, stored }) => ({ key, version, size, stored }));
    const size = plain[0]?.size ?? 0;
    return { kind, key, name, stamp, run, size, stored: time, versions: plain, count: plain.length, hidden };
  }
  const oldestFirst = versions
    .slice(-mostVersions)
    .map(({ key, version, size, stored }) => ({ key, version, size, stored }))
    .reverse();
  const size = oldestFirst[0]?.size ?? 0;
  return { key, name, stamp, run, size, stored: time, versions: oldestFirst, count: versions.length, hidden };
}

export type Choice = {
  /** Undefined: all names. */
  readonly names: readonly string[] | undefined;
  readonly policy: Policy;
  /** By the server's clock, if it has one. */
  readonly now: Date;
  /** Reads a root. If it is a backup that counts, notes down what it needs, and returns undefined. */
  readonly read: (root: Root) => Promise<Uncounted | undefined>;
  /** As `read`, but notes nothing down. */
  readonly look: (root: Root) => Promise<Uncounted | undefined>;
  /** Returns whether a root that was read is of a complete backup. */
  readonly isComplete: (root: Root) => boolean;
  /** Called for what is kept though no rule keeps it: it does not count, or its name was not chosen. */
  readonly keep: (root: Root) => Promise<void>;
};

export type Uncounted = {
  readonly why: string;
  /** It may be a backup that this version cannot read: it is kept, however old it is. */
  readonly mayBeOne: boolean;
};

const atOnce = 8;

/**
 * Decides about each root, newest first within a name. Those of names that were not chosen are all kept. For all that are kept,
 * `read` or `keep` was called.
 */
export async function chooseRoots(roots: readonly Root[], choice: Choice): Promise<RootDecision[]> {
  const names = Map.groupBy(roots, (root) => root.name);
  checkNames(choice.names, new Set(names.keys()));
  const decided = new Map<string, readonly RootDecision[]>();
  await eachOf(names, atOnce, async ([name, own]) => {
    const isChosen = choice.names?.includes(name) ?? true;
    decided.set(name, isChosen ? await decide(own, choice) : own.map(notChosen));
    if (!isChosen) await eachOf(own, atOnce, choice.keep);
  });
  return [...names.keys()].flatMap((name) => decided.get(name) ?? []);
}

const notChosen = (backup: Root): RootDecision => ({ backup, reasons: ["not chosen"] });

/**
 * Lets the policy choose among the roots that are backups of this name. Whether one is, shows when it is read; so what the policy
 * keeps is read, and if some of it does not count, the policy chooses again without it. Otherwise junk that anyone puts would
 * take the place of a good backup in each rule.
 */
async function decide(own: readonly Root[], choice: Choice): Promise<RootDecision[]> {
  const { policy, now, read, look, keep } = choice;
  const uncounted = new Map<Root, Uncounted>();
  for (const root of own) {
    garbage.left(garbageOfRoot);
    if (contradictionOf(datesOf(root), now) !== undefined) uncounted.set(root, wrongDates);
  }
  const done = new Set<Root>();
  const settle = async (root: Root, how: Choice["read"]) => {
    const found = await how(root);
    if (found !== undefined) uncounted.set(root, found);
  };
  for (let ahead = 0; ; ahead = uncounted.size === 0 ? 0 : Math.max(fewAhead, 2 * ahead)) {
    garbage.left(own.length * garbageOfRoot);
    const decisions = applyPolicy(
      own.filter((root) => !uncounted.has(root)),
      policy,
    );
    const unread = decisions.filter(({ backup, reasons }) => reasons.length > 0 && !done.has(backup));
    if (unread.length === 0) {
      const all = await keepComplete(decisions, choice);
      return [...(await decideUncounted(uncounted, all, keep)), ...all];
    }
    await eachOf(decisions.slice(0, ahead), atOnce, ({ backup }) => settle(backup, look));
    const sound = unread.filter(({ backup }) => !uncounted.has(backup));
    await eachOf(sound, atOnce, async ({ backup }) => {
      done.add(backup);
      await settle(backup, read);
    });
  }
}

/** If none of so many backups is complete, there is no complete one whose place could be taken. */
const mostIncomplete = 100;

/**
 * Keeps the last complete backup, too, if the rules keep only later ones, in which something is missing: those of a machine whose
 * disk is not mounted push out no good one.
 */
async function keepComplete(decisions: readonly RootDecision[], { read, look, isComplete }: Choice) {
  for (const [number, { backup, reasons }] of decisions.slice(0, mostIncomplete).entries()) {
    const isKept = reasons.length > 0;
    if (!isKept && (await look(backup)) !== undefined) continue;
    if (!isComplete(backup)) continue;
    if (isKept || (await read(backup)) !== undefined) return decisions;
    return decisions.with(number, { backup, reasons: ["last complete"] });
  }
  return decisions;
}

/** So many of the newest are looked at after junk was found, and twice as many each time: there may be thousands. */
const fewAhead = 16;

/**
 * What does not count takes no other's place, and is kept until nothing that the rules keep was stored before it: it may be a
 * backup of a machine whose clock was wrong.
 */
async function decideUncounted(
  uncounted: ReadonlyMap<Root, Uncounted>,
  decisions: readonly RootDecision[],
  keep: Choice["keep"],
): Promise<RootDecision[]> {
  // Newest first.
  let oldest = Number.NEGATIVE_INFINITY;
  for (const { backup, reasons } of decisions) if (reasons.length > 0) oldest = backup.time.getTime();
  const decided = [...uncounted].map(([backup, { why, mayBeOne }]) => {
    const isOld = backup.time.getTime() < oldest;
    return { backup, reasons: isOld && !mayBeOne ? [] : [why] };
  });
  await eachOf(decided, atOnce, async ({ backup, reasons }) => {
    if (reasons.length > 0) await keep(backup);
  });
  return decided;
}

/** It can be read, and its dates contradict the server's. */
export const wrongDates: Uncounted = { why: "dates contradict", mayBeOne: false };

const datesOf = ({ stamp, time }: Root) => ({ stamp, stored: time });

/** Refuses a name without backups: a misspelt one must not look like one of which all is well. */
function checkNames(names: readonly string[] | undefined, known: ReadonlySet<string>): void {
  const name = names?.find((one) => !known.has(one));
  if (name !== undefined) throw noSuchName(name, known);
}

/** `last`: undefined if none of its backups can be used. */
export type Stale = { readonly name: string; readonly last: Date | undefined };

export type StaleQuestion = {
  readonly bucket: Pick<BucketReader, "get">;
  readonly names: readonly string[] | undefined;
  readonly days: number;
  /** By the server's clock, if it has one. */
  readonly now: Date;
};

/** Lists names whose newest backup, as a restore would choose it, was stored more than `days` ago. */
export async function staleNames(
  roots: readonly Root[],
  { bucket, names, days, now }: StaleQuestion,
): Promise<Stale[]> {
  const groups = Map.groupBy(roots, (root) => root.name);
  checkNames(names, new Set(groups.keys()));
  const stale: Stale[] = [];
  for (const [name, own] of groups) {
    if (names !== undefined && !names.includes(name)) continue;
    const newest = new NewestRoots();
    for (const root of own) newest.add(listedRoot(root));
    const { root } = await takeUsable(bucket, newest.lastFirst(), contradictedAt(now));
    const isStale = root === undefined || now.getTime() - root.stored.getTime() > days * day;
    if (isStale) stale.push({ name, last: root?.stored });
  }
  return stale;
}
