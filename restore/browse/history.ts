/** Finds out which backups hold which version of a path. */
import type { Entry } from "../../core/format/entries/entry.ts";
import { encodeHead, type HeadEntry } from "../../core/format/entries/entry-json.ts";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import type { ByteString } from "../../core/format/path.ts";
import { readableListsOf } from "../../core/manifest/part-lists.ts";
import type { PathStretch } from "../../core/manifest/read.ts";
import type { ListedRoot } from "../../core/manifest/roots.ts";
import { readStretch, stretchesOf } from "../../core/manifest/walk.ts";
import { type BackupRef, type BackupsBucket, eachBackup } from "./backups.ts";
import { versionOf } from "./differences.ts";
import type { Gaps } from "./gaps.ts";
import { identityOf, lostIdentityOf } from "./identity.ts";
import { mayHoldPath } from "./reach.ts";

/** What a backup has of the path. `unknown`: what the manifest says of it cannot be read. */
type HeldState =
  | { readonly state: "held"; readonly entry: HeadEntry; readonly version: string }
  | { readonly state: "absent" | "unknown" };

/** Backups, one stored after another, that have the same of the path. */
export type HistoryRow = {
  readonly held: HeldState;
  readonly first: BackupRef;
  readonly last: BackupRef;
  readonly backups: number;
};

export type HistoryOptions = {
  readonly bucket: BackupsBucket;
  /** In the order in which the server stored them. */
  readonly roots: readonly ListedRoot[];
  readonly path: ByteString;
  readonly gaps: Gaps;
  readonly signal: AbortSignal;
};

const rootsAtOnce = 8;

/** Yields rows in the order of the backups. A part that several backups have is read once. */
export async function* historyOf({ bucket, roots, path, gaps, signal }: HistoryOptions): AsyncGenerator<HistoryRow> {
  const known = new Answers(bucket, path, gaps);
  let row: HistoryRow | undefined;
  const places = eachBackup({ bucket, roots, gaps, atOnce: rootsAtOnce }, (manifest, root) => ({
    root,
    ...placesOf(path, manifest),
  }));
  for await (const backup of places) {
    signal.throwIfAborted();
    if (backup === undefined) continue;
    const held = await known.in(backup, gaps);
    const { key, name, stamp, run } = backup.root;
    const last = { key, name, stamp, run };
    if (row !== undefined && isSame(row.held, held)) {
      row = { ...row, last, backups: row.backups + 1 };
      continue;
    }
    if (row !== undefined) yield row;
    row = { held, first: last, last, backups: 1 };
  }
  if (row !== undefined) yield row;
}

/** Parts that may have the path, one of the files and of each bundle at most. `sealed`: bundles that may have it cannot be opened. */
type PartsWithPath = { readonly stretches: readonly PathStretch[]; readonly sealed: boolean };

function placesOf(path: ByteString, manifest: Manifest): PartsWithPath {
  const mayBe = ({ part, next }: PathStretch) => mayHoldPath(path, part.first, next);
  let sealed = false;
  const lists = readableListsOf(manifest, (list) => {
    sealed ||= stretchesOf(list).some(mayBe);
  });
  return { stretches: lists.flatMap((list) => stretchesOf(list).find(mayBe) ?? []), sealed };
}

function isSame(one: HeldState, other: HeldState): boolean {
  if (one.state === "held" && other.state === "held") return one.version === other.version;
  return one.state === other.state;
}

/** Bytes of answers that are kept for backups to come: some ten thousand. */
const mostKept = 16 * 1024 * 1024;

/** Remembers what parts say of the path, by their digest. */
class Answers {
  readonly #kept = new Map<string, HeldState>();
  #bytes = 0;

  constructor(
    readonly bucket: BackupsBucket,
    readonly path: ByteString,
    readonly gaps: Gaps,
  ) {}

  /** Finds the path in all lists. What the last bundle has counts, as in a restore. */
  async in({ stretches, sealed }: PartsWithPath, gaps: Gaps): Promise<HeldState> {
    let answer: HeldState = { state: sealed ? "unknown" : "absent" };
    for (const stretch of stretches.toReversed()) {
      const held = await this.#at(stretch);
      if (held.state === "held") return held;
      if (held.state === "unknown") answer = held;
    }
    if (sealed) gaps.sealedBundle();
    return answer;
  }

  async #at(stretch: PathStretch): Promise<HeldState> {
    const { part } = stretch;
    const kept = this.#kept.get(identityOf(part)) ?? this.#kept.get(lostIdentityOf(stretch));
    if (kept !== undefined) return kept;
    const held = await this.#read(stretch);
    this.#keep(held.state === "unknown" ? lostIdentityOf(stretch) : identityOf(part), held);
    return held;
  }

  #keep(identity: string, held: HeldState): void {
    this.#bytes += identity.length + (held.state === "held" ? encodeHead(held.entry).length : 0);
    if (this.#bytes > mostKept) {
      this.#kept.clear();
      this.#bytes = 0;
    } else this.#kept.set(identity, held);
  }

  async #read(stretch: PathStretch): Promise<HeldState> {
    const { path, gaps } = this;
    const opened = await readStretch(this.bucket, stretch, {
      sieve: (one) => one === path,
      wanted: () => true,
      onLost: gaps.lostPart,
    });
    if (opened === undefined) return { state: "unknown" };
    const [entry] = opened.entries;
    if (entry !== undefined) return { state: "held", entry: withoutContent(entry), version: versionOf(entry) };
    const bad = opened.bad.filter((one) => one.path === undefined || one.path === path);
    bad.forEach(gaps.badEntry);
    return { state: bad.length > 0 ? "unknown" : "absent" };
  }
}

function withoutContent(entry: Entry): HeadEntry {
  if (entry.type !== "file") return entry;
  const { extents: _, ...head } = entry;
  return head;
}
