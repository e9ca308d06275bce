/** One of two backups that are compared: its files and its bundles, each list at a place of its own. */
import type { Entry } from "../../core/format/entries/entry.ts";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import type { ByteString } from "../../core/format/path.ts";
import { bundlesInOrder, isReadable, tableOf } from "../../core/manifest/part-lists.ts";
import type { PathStretch } from "../../core/manifest/read.ts";
import { type GatheredPart, type PartWishes, readStretch, stretchesOf } from "../../core/manifest/walk.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import type { Garbage } from "../../core/system/threads/garbage.ts";
import type { Gaps } from "./gaps.ts";
import { identityOf } from "./identity.ts";
import { Lowest } from "./lowest.ts";

/** Entries that cannot be read and are remembered. With more, nothing is said of what follows. */
const mostBad = 250_000;

export type SideDeps = { readonly bucket: ObjectSource; readonly gaps: Gaps; readonly garbage: Garbage };

/** Parts of other lists with which one is compared. With more, it is read. */
const mostOthers = 64;

export class Side {
  readonly #cursors = new Lowest<{ readonly path: ByteString; readonly list: number; readonly cursor: Cursor }>();
  readonly #numbers = new Map<Cursor, number>();
  /** Paths of entries that cannot be read. */
  readonly #bad = new Set<ByteString>();
  /** Where what cannot be read ends; everything up to the end if it is "end". */
  #unknownUntil: ByteString | "end" | undefined;

  /** Whether the manifest has no times of files. */
  readonly isTimeless: boolean;

  constructor(deps: SideDeps, manifest: Manifest) {
    this.isTimeless = manifest.header.origin !== undefined;
    this.#add(new Cursor(deps, stretchesOf(manifest)));
    for (const bundle of bundlesInOrder(manifest))
      this.#add(new Cursor(deps, stretchesOf(tableOf(bundle)), !isReadable(bundle)));
  }

  #add(cursor: Cursor): void {
    this.#numbers.set(cursor, this.#numbers.size);
    this.keep([cursor]);
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

  /**
   * Tells what other lists have from the current path up to `next`: the same of two sides that have the same there. Undefined if that takes
   * reading. `here`: the cursors that were at the path. `own`: the one whose list is none of the others.
   */
  othersUpTo(next: ByteString | undefined, here: readonly Cursor[], own: Cursor): string | undefined {
    if (here.length > mostOthers) return undefined;
    const ahead = this.#cursors.before(next, mostOthers);
    if (ahead === undefined) return undefined;
    const lists = [...here, ...ahead.map(({ cursor }) => cursor)].sort((a, b) => this.#numberOf(a) - this.#numberOf(b));
    const found: string[] = [];
    for (const cursor of lists) {
      const parts = cursor === own ? ["own"] : cursor.unreadUpTo(next, mostOthers - found.length);
      if (parts === undefined) return undefined;
      found.push(...parts);
    }
    return found.join("\n");
  }

  /** Puts cursors back that have moved on. Those at their end are left. */
  keep(cursors: readonly Cursor[]): void {
    for (const cursor of cursors) {
      this.#noteUnknown(cursor.unknownUntil);
      for (const bad of cursor.takeBad()) this.#bad.add(bad);
      if (this.#bad.size > mostBad) this.#unknownUntil = "end";
      const { path } = cursor;
      if (path !== undefined) this.#cursors.add({ path, list: this.#numberOf(cursor), cursor });
    }
  }

  /** Returns whether it is not known what the backup has of a path that is not before this place. */
  isUnknown(path: ByteString): boolean {
    if (this.#bad.has(path)) return true;
    return this.#unknownUntil === "end" || (this.#unknownUntil !== undefined && path < this.#unknownUntil);
  }

  #numberOf(cursor: Cursor): number {
    return this.#numbers.get(cursor) ?? 0;
  }

  #noteUnknown(until: ByteString | "end" | undefined): void {
    if (until === undefined || this.#unknownUntil === "end") return;
    if (until === "end" || until > (this.#unknownUntil ?? "")) this.#unknownUntil = until;
  }
}

export type CursorPart = Pick<PartWishes, "fetched" | "sieve">;

/** A place in a list of parts. */
export class Cursor {
  readonly #deps: SideDeps;
  readonly #stretches: readonly PathStretch[];
  readonly #isSealed: boolean;
  /** Number of the part. */
  #part = 0;
  #opened: GatheredPart | undefined;
  #entry = 0;
  /** Where the entries that cannot be read end; everything up to the end if it is "end". */
  unknownUntil: ByteString | "end" | undefined;
  /** Paths of entries that cannot be read, in the part that was read last. */
  #bad: readonly ByteString[] = [];

  /** `isSealed`: nobody can open its parts here. */
  constructor(deps: SideDeps, stretches: readonly PathStretch[], isSealed = false) {
    this.#deps = deps;
    this.#stretches = stretches;
    this.#isSealed = isSealed;
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

  /** Tells the parts that begin before a path from others; undefined if one of them is read already, or if they are more than `most`. */
  unreadUpTo(end: ByteString | undefined, most: number): readonly string[] | undefined {
    const isBefore = (path: ByteString | undefined) => path !== undefined && (end === undefined || path < end);
    if (this.#opened !== undefined) return isBefore(this.path) ? undefined : [];
    const found: string[] = [];
    for (let at = this.#part; found.length <= most; at += 1) {
      const part = this.#stretches[at]?.part;
      if (part === undefined || !isBefore(part.first)) return found;
      found.push(identityOf(part));
    }
    return undefined;
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
    const { bucket, gaps, garbage } = this.#deps;
    if (this.#isSealed) {
      gaps.sealedBundle();
      return this.#passUnknown(stretch);
    }
    const opened = await readStretch(bucket, stretch, { wanted: () => true, onLost: gaps.lostPart, ...part });
    garbage.left(opened?.bytes ?? 0);
    opened?.bad.forEach(gaps.badEntry);
    const paths = opened?.bad.map(({ path }) => path) ?? [];
    if (opened === undefined || paths.includes(undefined)) return this.#passUnknown(stretch);
    this.#bad = paths.filter((path) => path !== undefined);
    if (opened.entries.length === 0) return this.passPart();
    this.#opened = opened;
  }

  #passUnknown({ next }: PathStretch): void {
    this.unknownUntil = next ?? "end";
    this.passPart();
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
