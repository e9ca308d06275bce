/**
 * Finds out how one backup differs from another, in files and bundles. Walks both in byte order of path. Parts that both name by the same
 * digest are not read, unless a bundle of one of them may have some of their paths.
 */
import type { Entry } from "../../core/format/entries/entry.ts";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import type { ByteString } from "../../core/format/path.ts";
import { fetchPart, type PathStretch } from "../../core/manifest/read.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import { Garbage } from "../../core/system/threads/garbage.ts";
import { type Cursor, type CursorPart, Side } from "./diff-side.ts";
import { differencesOf } from "./differences.ts";
import { equalPaths } from "./equal-lines.ts";
import type { Gaps } from "./gaps.ts";
import { garbageLimit } from "./garbage.ts";
import { pairsOf } from "./pairs.ts";

/** `what`: names of what differs. */
export type BackupDifference = { readonly path: ByteString } & (
  | { readonly change: "added"; readonly after: Entry }
  | { readonly change: "removed"; readonly before: Entry }
  | { readonly change: "changed"; readonly before: Entry; readonly after: Entry; readonly what: readonly string[] }
);

export type DiffOptions = {
  readonly bucket: ObjectSource;
  readonly before: Manifest;
  readonly after: Manifest;
  readonly gaps: Gaps;
  readonly signal: AbortSignal;
};

/** Yields differences in byte order of path. */
export async function* diffBackups(options: DiffOptions): AsyncGenerator<BackupDifference> {
  const { signal, bucket, gaps } = options;
  const deps = { bucket, gaps, garbage: new Garbage(garbageLimit) };
  const before = new Side(deps, options.before);
  const after = new Side(deps, options.after);
  for (;;) {
    signal.throwIfAborted();
    const path = lower(before.path, after.path);
    if (path === undefined) return;
    const one = { side: before, cursors: before.at(path) };
    const other = { side: after, cursors: after.at(path) };
    passSameParts(one, other);
    await openTwins(options, path, one, other);
    const difference = await compareAt(path, one, other);
    if (difference !== undefined) yield difference;
  }
}

/** The cursors of a side that are at a path, or were until they passed a part. */
type SideAt = { readonly side: Side; readonly cursors: readonly Cursor[] };

type CursorPair = readonly [before: Cursor, after: Cursor];

/** Passes parts that both sides have, if all else that they have there is the same, too. */
function passSameParts(before: SideAt, after: SideAt): void {
  const pairs = pairsOf(before.cursors, after.cursors, ({ unreadIdentity }) => unreadIdentity);
  // All are found before the first is passed: those at the same path are compared with each other.
  const same = [...pairs].filter((pair) => isSameAround(pair, before, after));
  for (const pair of same) for (const cursor of pair) cursor.passPart();
}

/**
 * Returns whether the sides have the same in all other lists, as far as the next parts of a pair go. Only then may be left out what the pair
 * has in common: otherwise a path of it may be elsewhere on one side, which would look added or removed.
 */
function isSameAround([one, other]: CursorPair, before: SideAt, after: SideAt): boolean {
  const next = later(one.unread?.next, other.unread?.next);
  const around = before.side.othersUpTo(next, before.cursors, one);
  return around !== undefined && around === after.side.othersUpTo(next, after.cursors, other);
}

/** Larger parts are not in memory at the same time. */
const largestOfPair = 4 * 1024 * 1024;

/** Opens pairs of parts that are about the same stretch of paths, which begins here, without the entries that they have in common. */
async function openTwins(options: DiffOptions, path: ByteString, before: SideAt, after: SideAt): Promise<void> {
  const endOf = ({ unread }: Cursor) =>
    unread === undefined || unread.part.first !== path ? undefined : JSON.stringify([unread.next]);
  const pairs = [...pairsOf(before.cursors, after.cursors, endOf)];
  for (const pair of pairs.filter((one) => isSameAround(one, before, after))) await openWithTwin(options, pair);
}

async function openWithTwin({ bucket, signal }: DiffOptions, [one, other]: CursorPair): Promise<void> {
  const [stretch, twin] = [one.unread, other.unread];
  if (stretch === undefined || twin === undefined) return;
  if (Math.max(stretch.part.size, twin.part.size) > largestOfPair) return;
  const pair = await fetchPair([stretch, twin], bucket, signal);
  if (pair === undefined) return;
  await one.open(pair[0]);
  await other.open(pair[1]);
}

/** Undefined if one is lost: that shows when it is opened. */
async function fetchPair(
  [one, other]: readonly [PathStretch, PathStretch],
  bucket: ObjectSource,
  signal: AbortSignal,
): Promise<readonly [CursorPart, CursorPart] | undefined> {
  try {
    const [first, second] = await Promise.all([
      fetchPart(bucket, one.part, "sizes"),
      fetchPart(bucket, other.part, "sizes"),
    ]);
    using text = await first.open();
    using otherText = await second.open();
    const equal = equalPaths(text, otherText);
    const sieve = (entry: ByteString) => !equal.has(entry);
    return [
      { fetched: first, sieve },
      { fetched: second, sieve },
    ];
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

async function compareAt(path: ByteString, before: SideAt, after: SideAt): Promise<BackupDifference | undefined> {
  const all = [...before.cursors, ...after.cursors];
  // A part is read when its first path is reached. If it turns out to be lost, the next path is a later one.
  // One after another, so that both are not being decoded at a time.
  for (const cursor of all) if (cursor.path === path) await cursor.open();
  const take = (cursors: readonly Cursor[]) =>
    // Of several lists that have it, the last counts, as in a restore.
    cursors.reduce<Entry | undefined>((found, cursor) => (cursor.path === path ? cursor.take() : found), undefined);
  const one = take(before.cursors);
  const other = take(after.cursors);
  before.side.keep(before.cursors);
  after.side.keep(after.cursors);
  if (one === undefined && other === undefined) return undefined;
  // What cannot be read of one side is neither new nor gone.
  if (before.side.isUnknown(path) || after.side.isUnknown(path)) return undefined;
  if (one === undefined) return other && { path, change: "added", after: other };
  if (other === undefined) return { path, change: "removed", before: one };
  const timeless = before.side.isTimeless || after.side.isTimeless;
  const what = differencesOf(one, other).filter((name) => name !== "time" || !timeless);
  return what.length === 0 ? undefined : { path, change: "changed", before: one, after: other, what };
}

function lower(one: ByteString | undefined, other: ByteString | undefined): ByteString | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one < other ? one : other;
}

/** Undefined is the end, after all. */
function later(one: ByteString | undefined, other: ByteString | undefined): ByteString | undefined {
  if (one === undefined || other === undefined) return undefined;
  return one > other ? one : other;
}
