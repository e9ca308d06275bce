/**
 * The bucket contract: a versioned, write-once store with a retention date per version.
 *
 * One conformance suite (`test/core/bucket/conformance.ts`) runs against every implementation. It promises:
 *
 * - `put` and `Upload.complete` are atomic: an object is there whole, with its retention, or not at all.
 * - Each creates a *version*, which nothing overwrites. Callers refer to key *and* version from then on.
 * - Repeating a `put` after a lost answer is safe: it makes one more version of the same bytes.
 * - A retention date moves later, never earlier; a locked version cannot be removed.
 * - Every error is a `BucketError` whose `kind` says whether trying again can help: only for `unreachable`, `failing` and `busy`.
 *   Implementations try once: the decorator `retry.ts` retries, and `count.ts` counts.
 */
import { Failure, type FailureParts } from "../failure.ts";
import type { LockMode } from "../format/lock-mode.ts";
import type { ArchiveTier, BundleClass, ThawSpeed } from "../format/storage-class.ts";

/** The lock of a version. `until` must lie in the future when it is set, and is kept to the millisecond. */
export type Retention = { readonly mode: LockMode; readonly until: Date };

/** Resolves when so many bytes may be sent. The wait is the caller's: it does not count as silence of the server. */
export type SendPace = (bytes: number) => Promise<void>;

export type PutOptions = {
  readonly retention: Retention;
  /** User metadata: lower-case ASCII names, printable ASCII values, 2 KB in all (the S3 limit). */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Where S3 puts it, if not in STANDARD. A directory has no classes. */
  readonly storageClass?: BundleClass | undefined;
  /**
   * SHA-256 of the body in hex, if the caller has it already. A server checks the bytes against it when they come, a directory when they
   * are read: it does not hash them once more.
   */
  readonly sha256?: string;
  /** Awaited before each slice of the body. */
  readonly pace?: SendPace | undefined;
};

export type Stored = { readonly key: string; readonly version: string; readonly size: number };

/** Where a version lies that cannot be read. `thawing`: a copy of it that can be read is being made. */
export type Archived = { readonly tier: ArchiveTier; readonly thawing: boolean };

/** `tier`: where it lies. `days`: how long the copy is kept; an archive tier of INTELLIGENT_TIERING keeps it as long as it is read. */
export type ThawWish = { readonly tier: ArchiveTier; readonly speed: ThawSpeed; readonly days: number };

export type ObjectInfo = Stored & {
  readonly metadata: Readonly<Record<string, string>>;
  readonly retention: Retention | undefined;
  /** Whether it is held beyond any date, until somebody lifts the hold; false, too, if the role may not read that. */
  readonly legalHold: boolean;
  /** Set if it lies in an archive tier, and cannot be read before it is thawed. */
  readonly archived?: Archived;
  /** True if it lies in an archive tier, and was thawed: it can be read for some days. */
  readonly isThawed?: boolean;
};

/** Whether a bucket has what backups need. */
export type LockState = {
  /** Whether objects may be put with a retention. */
  readonly objectLock: boolean;
  readonly versioning: boolean;
  /** Who refuses to remove what is locked. The word of a server is to be proved: see `core/archive/locks/lock-proof.ts`. */
  readonly keptBy: "server" | "this program";
};

export type Listed = {
  readonly key: string;
  readonly size: number;
  /**
   * The newest version, if the listing has it: that of a server does not. Read by it what was listed: a directory finds the newest
   * version of a key by looking at all names of its folder.
   */
  readonly version?: string;
};

export type ListedVersion = Stored & {
  /**
   * When the server stored it, by its own clock: unlike a date in a key or in content, nobody who puts can choose it. In a
   * directory, by the clock of the machine that put it.
   */
  readonly stored: Date;
  readonly latest: boolean;
  /** A delete marker hides the versions under it from plain reads; it has size 0 and no content. */
  readonly deleteMarker: boolean;
  /** As in `ObjectInfo`, as far as the listing has it. */
  readonly archived?: Archived;
};

/** A version, and when the server stored it. */
export type DatedVersion = Stored & Pick<ListedVersion, "stored">;

/** `length` bytes from `start` on. Reading past the end of the object is a `damaged` error. */
export type Range = { readonly start: number; readonly length: number };

export type GetOptions = {
  readonly version?: string;
  readonly range?: Range;
  /**
   * Throws `damaged` at the end if all was read and the bytes are no longer those that were put: a directory notes their digest
   * for that, and a server checks for itself.
   */
  readonly unchanged?: true;
  /** Called before the first byte, with the version that is read and the size of the whole object. */
  readonly onStart?: (object: Stored) => void;
};

/** `isFound`: its answer was lost, and a version with the same bytes was found. It may have been there before, with another lock. */
export type Completed = Stored & { readonly isFound?: true };

/** An object written in parts, for content whose size is not known in advance. Nothing is visible until `complete`. */
export type Upload = {
  /**
   * Parts are numbered from 1 to 10,000 without gaps, may be sent side by side and in any order, and are at least 5 MiB
   * except for the last (the S3 limits). One may be sent again, with the same bytes. The caller may change `body` again
   * once the promise resolves.
   */
  part(number: number, body: Uint8Array, pace?: SendPace): Promise<void>;
  complete(): Promise<Completed>;
  /** Discards the parts. Idempotent; never fails for an upload that is gone. */
  abort(): Promise<void>;
};

/** What writing a backup needs. */
export type BucketWriter = {
  put(key: string, body: Uint8Array, options: PutOptions): Promise<Stored>;
  startUpload(key: string, options: Omit<PutOptions, "sha256" | "pace">): Promise<Upload>;
  /**
   * Moves a version's retain-until date later. Refused as `locked` if the lock lasts longer already, in that mode or the
   * stricter one; the same date is no error, so that a repetition after a lost answer is safe. A lock in COMPLIANCE mode
   * stays in it when GOVERNANCE is asked for. What a server will not do for any other reason is `denied`.
   */
  extend(key: string, version: string, retention: Retention): Promise<void>;
};

/** What reading a backup needs. */
export type BucketReader = {
  /**
   * The bytes, in pieces that the caller may keep, or give away. Without `version`, the newest. Errors may come at the call or while
   * reading.
   */
  get(key: string, options?: GetOptions): AsyncIterable<Uint8Array>;
  /**
   * Undefined if the key (or version) does not exist, if a delete marker hides it, or if the whole bucket does not exist,
   * which S3 answers in the same way. `retention` is also undefined if the role may not read it.
   */
  head(key: string, version?: string): Promise<ObjectInfo | undefined>;
  /**
   * The lock of one version; undefined if it has none. Throws `missing` if there is no such version, or it is a delete
   * marker. Unlike `head`, it needs no right to read content, and returns nothing else.
   */
  retention(key: string, version: string): Promise<Retention | undefined>;
  /** Makes two requests to a server. Not every role may ask. */
  lockState(): Promise<LockState>;
  /**
   * After how many days a rule of the bucket hides every object by a marker, so that locks alone decide what stays; undefined if no
   * rule does. One request. Not every role may ask.
   */
  expiryDays(): Promise<number | undefined>;
  /**
   * Current objects in byte order of key, in pages of at most 1,000. Each request yields its page, even an empty one.
   * `after` is exclusive.
   */
  list(prefix: string, after?: string): AsyncIterable<readonly Listed[]>;
  /** All versions, in byte order of key, newest first within a key. */
  listVersions(prefix: string, after?: string): AsyncIterable<readonly ListedVersion[]>;
};

export type Bucket = BucketWriter &
  BucketReader & {
    /** As the user named it: `s3://name` or `file:///path`. */
    readonly url: string;
    /** Removes one version for good. Refused as `locked` before its retain-until date; one that is gone is no error. */
    remove(key: string, version: string): Promise<void>;
    /**
     * Starts to make a copy of an archived version that can be read: minutes to days later, `head` says so. If that is under way, or
     * there is such a copy, it is no error. Throws `other` for a version that is in no archive tier, or if the tier has no such speed.
     */
    thaw(key: string, version: string, wish: ThawWish): Promise<void>;
    /** The server's clock at its last answer, to check ours against; undefined before the first answer. */
    serverTime(): Date | undefined;
    /** Ends all connections. No other call may follow. */
    close(): Promise<void>;
  };

/**
 * - `unreachable`: no connection, or no answer in time; `failing`: an error of the server's own (500); `busy`: it asks to come
 *   later (429, 502 to 504). Trying again can help; all others are permanent.
 * - `missing`: no such key or version; `no-bucket`: no such bucket; `no-lock`: the bucket has no Object Lock
 * - `credentials`: none, wrong, or expired; `denied`: known, but not allowed to do this
 * - `locked`: refused by a retention; `full`: no space; `damaged`: content does not match what was asked or recorded
 * - `frozen`: it lies in an archive tier, and cannot be read before it is thawed
 */
export type BucketErrorKind =
  | "unreachable"
  | "failing"
  | "busy"
  | "missing"
  | "no-bucket"
  | "no-lock"
  | "credentials"
  | "denied"
  | "locked"
  | "full"
  | "damaged"
  | "frozen"
  | "other";

export class BucketError extends Failure {
  constructor(
    readonly kind: BucketErrorKind,
    parts: FailureParts,
  ) {
    super(parts);
  }
}
