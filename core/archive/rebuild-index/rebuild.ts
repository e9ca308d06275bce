/**
 * Rebuilds the index of a backup name from the packs and file contents in the bucket, after the loss of `index/` and of the
 * state database: the next archive then stores no content again.
 *
 * 1. Read what is left of the name's index.
 * 2. List the versions of packs and content. Leave out those that the index has, and those whose lock ends too soon.
 * 3. Read each of the others, and check that it holds the chunks that it claims to hold.
 * 4. Put index objects for them.
 *
 * Packs belong to no backup name: those of all hosts are indexed. Later backups will rely on what is written here, so
 * nothing is believed that was not read, unless `trustTables` says so. An interrupted rebuild goes on where it stopped.
 */
import { type Bucket, BucketError, type ListedVersion } from "../../bucket/contract.ts";
import { Denials } from "../../bucket/denials.ts";
import { isDenied } from "../../bucket/fatal.ts";
import { maxFrameContent } from "../../format/codecs/frame.ts";
import type { Keyed } from "../../format/codecs/keyed.ts";
import { isSealedForOthers } from "../../format/codecs/sealing.ts";
import { encodeIndex, type IndexLine } from "../../format/index/index-object.ts";
import { keys, type RunId } from "../../format/keys/keys.ts";
import type { LockMode } from "../../format/lock-mode.ts";
import { KnownVersions } from "../../inventory/known.ts";
import { readPack } from "../../inventory/read-pack.ts";
import { type FoundObject, InventoryWriter } from "../../inventory/writer.ts";
import { lossOf } from "../../manifest/loss.ts";
import type { Notify } from "../../notice.ts";
import { Budget, eachOf } from "../../side-by-side.ts";
import { collect, counted } from "../../stored/bytes.ts";
import type { WriteTarget } from "../../stored/write.ts";
import { Garbage } from "../../system/threads/garbage.ts";
import { clockSkew, startOfLocks } from "../locks/clock.ts";
import { planRetention } from "../locks/retention.ts";
import { candidatesIn, folders, type IndexCandidate } from "./candidates.ts";
import { readOwnIndex } from "./own-index.ts";
import { type FoundContent, readContentObject } from "./read-content.ts";
import { explained } from "./refused.ts";

export type RebuildJob = {
  readonly bucket: Pick<Bucket, "get" | "head" | "list" | "listVersions" | "retention" | "serverTime">;
  /** Where index objects are put. Undefined for a dry run, which reads the index and listings alone. */
  readonly target: WriteTarget["bucket"] | undefined;
  readonly name: string;
  /** Eight hex digits, for the keys of index objects. */
  readonly run: string;
  readonly daysRetained: number;
  readonly lockMode: LockMode;
  /** Set for a machine whose backups are sealed: then sealed packs are indexed, and others are of no use to it. */
  readonly sealed?: SealedPacks | undefined;
  /** Believes the tables of contents of packs, and reads nothing else of them. */
  readonly trustTables: boolean;
  readonly now: () => Date;
  readonly notify: Notify;
  readonly onProgress: (done: { readonly objects: number; readonly bytes: number }) => void;
  readonly signal: AbortSignal;
};

export type SealedPacks = {
  /** Names the filter over its packs. */
  readonly filter: string;
  readonly keyed: Keyed;
  /** Says by the beginning of a stored pack whether all recipients of this machine open it. Undefined for a dry run. */
  readonly opensForAll: ((beginning: Uint8Array) => Promise<boolean>) | undefined;
  /** Bytes that such a beginning has at most. */
  readonly beginning: number;
};

export type RebuildFigures = {
  /** Index objects that were put. */
  indexObjects: number;
  /** Packs and contents that these introduce, with their chunks and stored bytes. In a dry run, those that would be read. */
  objects: number;
  chunks: number;
  bytes: number;
  /** Objects that the index had already, and those of them whose later lock it did not have. */
  known: number;
  extended: number;
  /** Packs that are sealed for others. */
  others: number;
  /** Objects without a lock that is long enough to rely on. */
  expiring: number;
  /** Objects that do not hold what they claim, and those that could not be read. */
  damaged: number;
  unread: number;
  bytesRead: number;
};

const readsAtOnce = 3;
const lookupsAtOnce = 16;

/** Throws BucketErrors that concern all objects: an unreachable bucket, or a right that is missing. */
export async function rebuildIndex(job: RebuildJob): Promise<RebuildFigures> {
  using known = new KnownVersions();
  const last = await readOwnIndex(job, known);
  const rebuild = new Rebuild(job, known, last);
  for (const folder of folders) {
    const pages = candidatesIn(job.bucket.listVersions(folder), (candidate) => isUseful(candidate, job.sealed));
    for await (const candidates of pages) await rebuild.examine(candidates);
  }
  return await rebuild.end();
}

/** Its chunks have ids that only machines with the secret know; and those know no others. */
function isUseful({ filters }: IndexCandidate, sealed: SealedPacks | undefined): boolean {
  return sealed === undefined ? !isSealedForOthers(filters) : filters.includes(sealed.filter);
}

type LockedVersion = ListedVersion & { readonly until: Date };
/** A candidate that the index lacks, with those of its versions that are locked for long enough; the longest lock first. */
type Unindexed = { readonly candidate: IndexCandidate; readonly versions: readonly LockedVersion[] };

class Rebuild {
  readonly #job: RebuildJob;
  readonly #known: KnownVersions;
  /** Locks must not end before this date. */
  readonly #minimumLockEnd: Date;
  readonly #writer: InventoryWriter | undefined;
  readonly #memory = new Budget(maxFrameContent);
  readonly #garbage = new Garbage();
  readonly #denials = new Denials();
  readonly #figures: RebuildFigures = {
    indexObjects: 0,
    objects: 0,
    chunks: 0,
    bytes: 0,
    known: 0,
    extended: 0,
    others: 0,
    expiring: 0,
    damaged: 0,
    unread: 0,
    bytesRead: 0,
  };

  constructor(job: RebuildJob, known: KnownVersions, last: string | undefined) {
    const { bucket, target, name, run, daysRetained, lockMode, now, notify } = job;
    const started = now();
    const plan = planRetention(
      startOfLocks(started, clockSkew(started, bucket.serverTime(), notify)),
      daysRetained,
      lockMode,
    );
    this.#job = job;
    this.#known = known;
    this.#minimumLockEnd = plan.minimumLockEnd;
    const keyOf = (id: RunId) => keys.index(name, id);
    const encode = (lines: Iterable<IndexLine>) => encodeIndex(name, run, lines);
    const { retention } = plan;
    this.#writer =
      target && new InventoryWriter({ bucket: explained(target), keyOf, encode, run, retention, now, last });
  }

  async examine(candidates: readonly IndexCandidate[]): Promise<void> {
    const { signal, trustTables } = this.#job;
    const missing = candidates.filter((candidate) => !this.#isKnown(candidate));
    this.#figures.known += candidates.length - missing.length;
    if (this.#writer === undefined) return this.#foretell(missing);
    const wanted: Unindexed[] = [];
    await eachOf(missing, lookupsAtOnce, async (candidate) => {
      signal.throwIfAborted();
      const versions = await this.#lockedVersions(candidate);
      if (versions.length > 0) wanted.push({ candidate, versions });
      else this.#figures.expiring += 1;
    });
    await eachOf(wanted, trustTables ? lookupsAtOnce : readsAtOnce, (one) => this.#index(one));
  }

  async end(): Promise<RebuildFigures> {
    this.#denials.end();
    await this.#writer?.finish();
    return { ...this.#figures, indexObjects: this.#writer?.written ?? 0 };
  }

  #isKnown({ versions }: IndexCandidate): boolean {
    return versions.some(({ key, version }) => {
      const until = this.#known.lockedUntil(key, version);
      return until !== undefined && until >= this.#minimumLockEnd;
    });
  }

  #foretell(missing: readonly IndexCandidate[]): void {
    this.#figures.objects += missing.length;
    this.#figures.bytes += missing.reduce((sum, { versions }) => sum + (versions.at(-1)?.size ?? 0), 0);
  }

  async #lockedVersions({ versions }: IndexCandidate): Promise<LockedVersion[]> {
    const locked = await Promise.all(
      versions.map(async (version): Promise<LockedVersion[]> => {
        const retention = await this.#lockOf(version);
        return retention !== undefined && retention >= this.#minimumLockEnd ? [{ ...version, until: retention }] : [];
      }),
    );
    return locked.flat().sort((one, other) => other.until.getTime() - one.until.getTime());
  }

  /** Undefined also for a version that was removed meanwhile. */
  async #lockOf({ key, version }: ListedVersion): Promise<Date | undefined> {
    try {
      return (await this.#job.bucket.retention(key, version))?.until;
    } catch (error) {
      if (error instanceof BucketError && error.kind === "missing") return undefined;
      throw error;
    }
  }

  /** Takes the first of its versions that is sound: any of them will do. */
  async #index({ candidate, versions }: Unindexed): Promise<void> {
    this.#job.signal.throwIfAborted();
    let fault: "damaged" | "unread" | undefined;
    for (const version of versions) {
      if (this.#known.lockedUntil(version.key, version.version) !== undefined) return this.#extend(version);
      const found = await this.#readOwn(candidate, version).catch((error: unknown) => {
        fault = this.#passOver(error, version) === "damaged" ? "damaged" : (fault ?? "unread");
      });
      if (found === "others") {
        this.#figures.others += 1;
        return;
      }
      if (found !== undefined) return await this.#add(version, found);
    }
    if (fault !== undefined) this.#figures[fault] += 1;
  }

  /** Reads a pack, and gives its chunks the ids that they have in this machine's index; `others` for one that is sealed for others. */
  async #readOwn(candidate: IndexCandidate, version: LockedVersion): Promise<FoundContent | "others" | undefined> {
    const { bucket, sealed } = this.#job;
    if (sealed === undefined) return await this.#read(candidate, version);
    const { opensForAll, keyed } = sealed;
    const { key, version: id, size } = version;
    const length = Math.min(size, sealed.beginning);
    const range = { start: 0, length };
    const beginning = await collect(bucket.get(key, { version: id, range }), length);
    if (opensForAll === undefined || !(await opensForAll(beginning))) return "others";
    const found = await this.#read(candidate, version);
    return (
      found && {
        ...found,
        frames: found.frames.map((frame) => ({ ...frame, chunks: keyedChunks(frame.chunks, keyed) })),
      }
    );
  }

  #read({ kind, digest, filters }: IndexCandidate, version: LockedVersion): Promise<FoundContent | undefined> {
    const { bucket, sealed, trustTables } = this.#job;
    const get: typeof bucket.get = (key, options) => counted(bucket.get(key, options), (bytes) => this.#count(bytes));
    if (kind === "pack") {
      const check = { digest: trustTables ? undefined : digest, memory: this.#memory };
      return readPack({ get }, version, filters, check);
    }
    const head: typeof bucket.head = (...args) => bucket.head(...args);
    return readContentObject({ get, head }, version, filters, sealed === undefined ? digest : undefined);
  }

  #count(bytes: number): void {
    const { signal, onProgress } = this.#job;
    signal.throwIfAborted();
    this.#garbage.left(bytes);
    this.#figures.bytesRead += bytes;
    onProgress({ objects: this.#figures.objects, bytes: this.#figures.bytesRead });
  }

  async #add({ key, version, size, until }: LockedVersion, found: FoundContent): Promise<void> {
    this.#denials.passed();
    const { encoding, frames, sha256 } = found;
    this.#figures.objects += 1;
    this.#figures.bytes += size;
    this.#figures.chunks += frames.reduce((sum, { chunks }) => sum + chunks.length, 0);
    const object = { key, version, size, encoding, retain_until: until.toISOString(), ...(sha256 && { sha256 }) };
    await this.#writer?.add(object, frames);
  }

  async #extend({ key, version, until }: LockedVersion): Promise<void> {
    this.#figures.extended += 1;
    await this.#writer?.addExtension({ key, version, retain_until: until.toISOString() });
  }

  /** Goes on without one version. An error that concerns all of them is thrown. */
  #passOver(error: unknown, { key }: LockedVersion): "damaged" | "unread" {
    if (isDenied(error)) this.#denials.add(error);
    else this.#denials.passed();
    const { how, damage } = lossOf(error, key);
    const message = `${JSON.stringify(key)} is not indexed: ${how}; what it should hold is stored again`;
    this.#job.notify({ level: "warning", code: "not-indexed", message });
    return damage ? "damaged" : "unread";
  }
}

type FoundChunks = FoundObject["frames"][number]["chunks"];

function keyedChunks(chunks: FoundChunks, { chunkId }: Keyed): FoundChunks {
  return chunks.map(([digest, length]) => [chunkId(digest), length]);
}
