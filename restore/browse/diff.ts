/** Finds out how one backup differs from another. Walks both in byte order of path. Parts that both name by the same digest are not read. */
import type { Entry } from "../../core/format/entry.ts";
import type { Manifest } from "../../core/format/manifest.ts";
import type { ByteString } from "../../core/format/path.ts";
import { fetchPart, type PathStretch } from "../../core/manifest/read.ts";
import { type GatheredPart, type PartWishes, readStretch, stretchesOf } from "../../core/manifest/walk.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import { Garbage } from "../../core/system/garbage.ts";
import { differencesOf } from "./differences.ts";
import { equalPaths } from "./equal-lines.ts";
import type { Gaps } from "./gaps.ts";
import { garbageLimit } from "./garbage.ts";
import { identityOf } from "./identity.ts";

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
    if (before.isAtSamePart(after)) {
      before.passPart();
      after.passPart();
      continue;
    }
    const path = lower(before.path, after.path);
    if (path === undefined) return;
    // A part is read when its first path is reached. If it turns out to be lost, the side's next path is a later one.
    // One after another, so that both are not being decoded at a time.
    const pair = await fetchPair(options, before, after, path);
    for (const side of [before, after]) if (side.isClosedAt(path)) await side.open(pair?.of(side));
    const difference = compareAt(path, before, after);
    if (difference !== undefined) yield difference;
  }
}

/** Two parts of the same stretch of paths, and the entries that they have in common. */
type FetchedPair = { of(side: Side): SidePart };
type SidePart = Pick<PartWishes, "fetched" | "sieve">;

/** Larger parts are not in memory at the same time. */
const largestOfPair = 4 * 1024 * 1024;

/** Fetches the parts that begin at a path, if both are about the same stretch. Undefined if one is lost: that shows when it is opened. */
async function fetchPair(
  { bucket, signal }: DiffOptions,
  before: Side,
  after: Side,
  path: ByteString,
): Promise<FetchedPair | undefined> {
  const [one, other] = [before.unread, after.unread];
  if (one?.part.first !== path || other?.part.first !== path || one.next !== other.next) return undefined;
  if (Math.max(one.part.size, other.part.size) > largestOfPair) return undefined;
  try {
    const [first, second] = await Promise.all([fetchPart(bucket, one.part), fetchPart(bucket, other.part)]);
    using text = await first.open();
    using otherText = await second.open();
    const equal = equalPaths(text, otherText);
    const sieve = (entry: ByteString) => !equal.has(entry);
    return { of: (side) => ({ fetched: side === before ? first : second, sieve }) };
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function compareAt(path: ByteString, before: Side, after: Side): BackupDifference | undefined {
  const one = before.path === path ? before.take() : undefined;
  const other = after.path === path ? after.take() : undefined;
  if (one === undefined && other === undefined) return undefined;
  // What cannot be read of one side is neither new nor gone.
  if (before.isUnknown(path) || after.isUnknown(path)) return undefined;
  if (one === undefined) return other && { path, change: "added", after: other };
  if (other === undefined) return { path, change: "removed", before: one };
  const what = differencesOf(one, other);
  return what.length === 0 ? undefined : { path, change: "changed", before: one, after: other, what };
}

function lower(one: ByteString | undefined, other: ByteString | undefined): ByteString | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one < other ? one : other;
}

/** A place in one of the two backups. */
class Side {
  readonly #options: DiffOptions;
  readonly #stretches: readonly PathStretch[];
  readonly #garbage: Garbage;
  /** Number of the part. */
  #part = 0;
  #opened: GatheredPart | undefined;
  #entry = 0;
  /** Where the entries that cannot be read end; everything up to the end if it is "end". */
  #unknownUntil: ByteString | "end" | undefined;
  /** Paths in the part of entries that cannot be read. */
  #bad: ReadonlySet<ByteString> = new Set();

  constructor(options: DiffOptions, manifest: Manifest, garbage: Garbage) {
    this.#garbage = garbage;
    this.#options = options;
    this.#stretches = stretchesOf(manifest);
  }

  /** The next path; undefined at the end. */
  get path(): ByteString | undefined {
    return this.#opened === undefined
      ? this.#stretches[this.#part]?.part.first
      : this.#opened.entries[this.#entry]?.path;
  }

  /** Returns whether a part begins with the path that is not read yet. */
  isClosedAt(path: ByteString): boolean {
    return this.unread?.part.first === path;
  }

  isAtSamePart(other: Side): boolean {
    const [one, two] = [this.unread?.part, other.unread?.part];
    return one !== undefined && two !== undefined && identityOf(one) === identityOf(two);
  }

  passPart(): void {
    this.#part += 1;
    this.#opened = undefined;
    this.#entry = 0;
  }

  /** Reads the part that begins here, if it is not read yet. Passes it if it is lost. */
  async open(part: SidePart = {}): Promise<void> {
    const stretch = this.unread;
    if (stretch === undefined) return;
    const { bucket, gaps } = this.#options;
    const opened = await readStretch(bucket, stretch, { wanted: () => true, onLost: gaps.lostPart, ...part });
    this.#garbage.left(opened?.bytes ?? 0);
    opened?.bad.forEach(gaps.badEntry);
    const paths = opened?.bad.map(({ path }) => path) ?? [];
    if (opened === undefined || paths.includes(undefined)) {
      this.#unknownUntil = stretch.next ?? "end";
      return this.passPart();
    }
    this.#bad = new Set(paths.filter((path) => path !== undefined));
    if (opened.entries.length === 0) return this.passPart();
    this.#opened = opened;
  }

  take(): Entry | undefined {
    const entry = this.#opened?.entries[this.#entry];
    this.#entry += 1;
    if (this.#opened !== undefined && this.#entry >= this.#opened.entries.length) this.passPart();
    return entry;
  }

  /** Returns whether it is not known what the backup has of a path that is not before this place. */
  isUnknown(path: ByteString): boolean {
    if (this.#bad.has(path)) return true;
    return this.#unknownUntil === "end" || (this.#unknownUntil !== undefined && path < this.#unknownUntil);
  }

  /** The part that comes next, if it is not read yet. */
  get unread(): PathStretch | undefined {
    return this.#opened === undefined ? this.#stretches[this.#part] : undefined;
  }
}
