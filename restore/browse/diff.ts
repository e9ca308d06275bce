/** Finds out how one backup differs from another, in files and bundles. Walks both in byte order of path. Parts that both name by the same digest are not read. */
import type { Entry } from "../../core/format/entry.ts";
import type { Manifest } from "../../core/format/manifest.ts";
import type { ByteString } from "../../core/format/path.ts";
import { readableListsOf } from "../../core/manifest/part-lists.ts";
import { fetchPart, type PathStretch } from "../../core/manifest/read.ts";
import { type GatheredPart, type PartWishes, readStretch, stretchesOf } from "../../core/manifest/walk.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import { Garbage } from "../../core/system/garbage.ts";
import { differencesOf } from "./differences.ts";
import { equalPaths } from "./equal-lines.ts";
import type { Gaps } from "./gaps.ts";
import { garbageLimit } from "./garbage.ts";
import { identityOf } from "./identity.ts";
import { Lowest } from "./lowest.ts";
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
  const { signal } = options;
  const garbage = new Garbage(garbageLimit);
  const before = new Side(options, options.before, garbage);
  const after = new Side(options, options.after, garbage);
  for (;;) {
    signal.throwIfAborted();
    const path = lower(before.path, after.path);
    if (path === undefined) return;
    const [one, other] = [before.at(path), after.at(path)];
    passSameParts(one, other);
    await openTwins(options, path, one, other);
    const difference = await compareAt(path, { side: before, cursors: one }, { side: after, cursors: other });
    if (difference !== undefined) yield difference;
  }
}

/** Passes parts that both sides have: what is in them is the same. */
function passSameParts(before: readonly Cursor[], after: readonly Cursor[]): void {
  for (const [one, other] of pairsOf(before, after, ({ unreadIdentity }) => unreadIdentity)) {
    one.passPart();
    other.passPart();
  }
}

type CursorPart = Pick<PartWishes, "fetched" | "sieve">;

/** Larger parts are not in memory at the same time. */
const largestOfPair = 4 * 1024 * 1024;

/** Opens pairs of parts that are about the same stretch of paths, which begins here, without the entries that they have in common. */
async function openTwins(
  options: DiffOptions,
  path: ByteString,
  before: readonly Cursor[],
  after: readonly Cursor[],
): Promise<void> {
  const endOf = ({ unread }: Cursor) =>
    unread === undefined || unread.part.first !== path ? undefined : JSON.stringify([unread.next]);
  for (const [one, other] of pairsOf(before, after, endOf)) await openWithTwin(options, one, other);
}

async function openWithTwin({ bucket, signal }: DiffOptions, one: Cursor, other: Cursor): Promise<void> {
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

/** The cursors of a side that are at a path, or were until they passed a part. */
type SideAt = { readonly side: Side; readonly cursors: readonly Cursor[] };

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

/** Entries that cannot be read and are remembered. With more, nothing is said of what follows. */
const mostBad = 250_000;

/** One of the two backups: its files and its bundles, each list at a place of its own. */
class Side {
  readonly #cursors = new Lowest<{ readonly path: ByteString; readonly list: number; readonly cursor: Cursor }>();
  readonly #numbers = new Map<Cursor, number>();
  /** Paths of entries that cannot be read. */
  readonly #bad = new Set<ByteString>();
  /** Where what cannot be read ends; everything up to the end if it is "end". */
  #unknownUntil: ByteString | "end" | undefined;

  /** Whether the manifest has no times of files. */
  readonly isTimeless: boolean;

  constructor(options: DiffOptions, manifest: Manifest, garbage: Garbage) {
    this.isTimeless = manifest.header.origin !== undefined;
    for (const list of readableListsOf(manifest, () => options.gaps.sealedBundle())) {
      const cursor = new Cursor(options, stretchesOf(list), garbage);
      this.#numbers.set(cursor, this.#numbers.size);
      this.keep([cursor]);
    }
  }

  /** The next path; undefined at the end. */
  get path(): ByteString | undefined {
    return this.#cursors.first?.path;
  }

  /** Takes out the cursors at a path, in the order of their lists. */
  at(path: ByteString): Cursor[] {
    const found: Cursor[] = [];
    while (this.#cursors.first?.path === path) {
      const taken = this.#cursors.take();
      if (taken !== undefined) found.push(taken.cursor);
    }
    return found;
  }

  /** Puts cursors back that have moved on. Those at their end are left. */
  keep(cursors: readonly Cursor[]): void {
    for (const cursor of cursors) {
      this.#noteUnknown(cursor.unknownUntil);
      for (const bad of cursor.takeBad()) this.#bad.add(bad);
      if (this.#bad.size > mostBad) this.#unknownUntil = "end";
      const { path } = cursor;
      if (path !== undefined) this.#cursors.add({ path, list: this.#numbers.get(cursor) ?? 0, cursor });
    }
  }

  /** Returns whether it is not known what the backup has of a path that is not before this place. */
  isUnknown(path: ByteString): boolean {
    if (this.#bad.has(path)) return true;
    return this.#unknownUntil === "end" || (this.#unknownUntil !== undefined && path < this.#unknownUntil);
  }

  #noteUnknown(until: ByteString | "end" | undefined): void {
    if (until === undefined || this.#unknownUntil === "end") return;
    if (until === "end" || until > (this.#unknownUntil ?? "")) this.#unknownUntil = until;
  }
}

/** A place in a list of parts. */
class Cursor {
  readonly #options: DiffOptions;
  readonly #stretches: readonly PathStretch[];
  readonly #garbage: Garbage;
  /** Number of the part. */
  #part = 0;
  #opened: GatheredPart | undefined;
  #entry = 0;
  /** Where the entries that cannot be read end; everything up to the end if it is "end". */
  unknownUntil: ByteString | "end" | undefined;
  /** Paths of entries that cannot be read, in the part that was read last. */
  #bad: readonly ByteString[] = [];

  constructor(options: DiffOptions, stretches: readonly PathStretch[], garbage: Garbage) {
    this.#garbage = garbage;
    this.#options = options;
    this.#stretches = stretches;
  }

  /** The next path; undefined at the end. */
  get path(): ByteString | undefined {
    return this.#opened === undefined
      ? this.#stretches[this.#part]?.part.first
      : this.#opened.entries[this.#entry]?.path;
  }

  /** What tells the part that begins here from others, if it is not read yet. */
  get unreadIdentity(): string | undefined {
    const part = this.unread?.part;
    return part && identityOf(part);
  }

  passPart(): void {
    this.#part += 1;
    this.#opened = undefined;
    this.#entry = 0;
  }

  /** Reads the part that begins here, if it is not read yet. Passes it if it is lost. */
  async open(part: CursorPart = {}): Promise<void> {
    const stretch = this.unread;
    if (stretch === undefined) return;
    const { bucket, gaps } = this.#options;
    const opened = await readStretch(bucket, stretch, { wanted: () => true, onLost: gaps.lostPart, ...part });
    this.#garbage.left(opened?.bytes ?? 0);
    opened?.bad.forEach(gaps.badEntry);
    const paths = opened?.bad.map(({ path }) => path) ?? [];
    if (opened === undefined || paths.includes(undefined)) {
      this.unknownUntil = stretch.next ?? "end";
      return this.passPart();
    }
    this.#bad = paths.filter((path) => path !== undefined);
    if (opened.entries.length === 0) return this.passPart();
    this.#opened = opened;
  }

  take(): Entry | undefined {
    const entry = this.#opened?.entries[this.#entry];
    this.#entry += 1;
    if (this.#opened !== undefined && this.#entry >= this.#opened.entries.length) this.passPart();
    return entry;
  }

  takeBad(): readonly ByteString[] {
    const bad = this.#bad;
    this.#bad = [];
    return bad;
  }

  /** The part that comes next, if it is not read yet. */
  get unread(): PathStretch | undefined {
    return this.#opened === undefined ? this.#stretches[this.#part] : undefined;
  }
}
