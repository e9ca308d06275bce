/**
 * Reads what others, and this host before it lost its state, say is stored: the index objects of the names that are believed,
 * and verified objects; each once. All of it are claims: see objects.ts.
 */
import type { Database } from "bun:sqlite";
import type { BucketReader } from "../../../bucket/contract.ts";
import { isDenied, isOfOne } from "../../../bucket/fatal.ts";
import { reasonOf } from "../../../failure.ts";
import { FormatError } from "../../../format/error.ts";
import { isTimely, settledBefore } from "../../../format/keys/index-id.ts";
import { prefixes } from "../../../format/keys/keys.ts";
import type { Notify } from "../../../notice.ts";
import { readIndexObject, readVerifiedObject } from "../../../stored/index-object.ts";
import { fact, setFact } from "../database.ts";
import { FalseState, OutdatedState } from "../tables/false-state.ts";
import { lastCompleted } from "./completed.ts";
import { type IndexKey, indexKeys, verifiedKeys } from "./index-keys.ts";
import { IndexMarks } from "./index-marks.ts";
import { learn } from "./learn.ts";
import { isSameBucket } from "./same-bucket.ts";

export type IndexSyncDeps = {
  readonly bucket: Pick<BucketReader, "get" | "list" | "retention">;
  readonly database: Database;
  /** Our own backup name. */
  readonly name: string;
  /** Nothing is built upon an object whose lock ends before this. */
  readonly minimumLockEnd: Date;
  /** Other names whose index is believed; `*` stands for all. */
  readonly shareWith: readonly string[];
  readonly now: Date;
  readonly notify: Notify;
  readonly signal: AbortSignal;
};

/** The fact that has the key of the last index object of our own: put by this state, or by one that was lost. */
export const ownIndexFact = "own_index";

/**
 * Learns what is in unread objects. One that is damaged, or not what its key says, is reported, passed over and not asked for again: its
 * content is stored again. Throws a FalseState if the bucket does not have what this host put there: it is another one of the same name,
 * made or mounted in its place, and nothing that the database says is in it; or if all of it has expired. Returns false if `index/` may not
 * be listed.
 */
export async function syncIndex(deps: IndexSyncDeps): Promise<boolean> {
  return await new IndexSync(deps).run();
}

/** Learns what is in unread verified objects, as `syncIndex` does. A run that has nothing to store needs none of it. */
export async function syncVerified(deps: IndexSyncDeps): Promise<void> {
  await new IndexSync(deps).runVerified();
}

export function marksOf(database: Database, source: string): IndexMarks {
  return new IndexMarks(database, source, prefixOf(source));
}

function prefixOf(source: string): string {
  return source === "" ? prefixes.verified : prefixes.indexOf(source);
}

/** Returns a key behind all of the source: `0` is the character after `/`. */
function behindAllOf(source: string): string {
  return `${prefixOf(source).slice(0, -1)}0`;
}

/**
 * Objects of one source that are read in vain in one run: damaged, or not what their keys say. An honest source has few, and
 * anybody who may put can put 100,000 for some money: each costs a request.
 */
const mostInVain = 1_000;

/** Counts keys, and keeps the first. */
class Examples {
  first: string | undefined;
  count = 0;

  add(key: string): void {
    this.first ??= key;
    this.count += 1;
  }
}

class IndexSync {
  readonly #deps: IndexSyncDeps;
  readonly #marks = new Map<string, IndexMarks>();
  readonly #ownKey: string | undefined;
  #ownSeen: boolean;
  /** The own index is of use to a state that is new. Later, what this state did not put there, somebody else did. */
  readonly #believesOwn: boolean;
  /** Sources with an object that may not be read. */
  readonly #unread = new Set<string>();
  /** Sources with more objects than anybody puts. */
  readonly #full = new Set<string>();
  /** How many objects of a source were read in vain. */
  readonly #vain = new Map<string, number>();
  readonly #absurd = new Examples();
  readonly #strange = new Examples();

  constructor(deps: IndexSyncDeps) {
    const { database, name, shareWith } = deps;
    this.#deps = deps;
    this.#ownKey = fact(database, ownIndexFact);
    this.#ownSeen = this.#ownKey === undefined;
    this.#believesOwn = lastCompleted(database) === undefined || shareWith.includes("*") || shareWith.includes(name);
  }

  async run(): Promise<boolean> {
    const { bucket, name, shareWith, now } = this.#deps;
    const names = shareWith.includes("*") ? "all" : new Set([name, ...shareWith]);
    this.#marksOf(name);
    try {
      for await (const found of indexKeys({ bucket, names, startOf: (source) => this.#startOf(source), now })) {
        this.#ownSeen ||= found.key === this.#ownKey;
        if (names === "all" || names.has(found.source)) await this.#take(found);
      }
    } catch (error) {
      if (!isDenied(error)) throw error;
      return false;
    }
    if (!this.#ownSeen) await this.#demandSameBucket();
    this.#end();
    return true;
  }

  async #demandSameBucket(): Promise<void> {
    const { bucket, database, minimumLockEnd } = this.#deps;
    const found = await isSameBucket(bucket, database, minimumLockEnd);
    if (found === "outdated") throw new OutdatedState("the locks of all that it knows are over, or soon will be");
    if (found === "unknown")
      throw new FalseState(`the bucket does not have ${JSON.stringify(this.#ownKey)}, which was put there`);
  }

  /** A role of an older package, or of s3-sysbackup, may not read verified objects. */
  async runVerified(): Promise<void> {
    const { bucket, notify } = this.#deps;
    try {
      for await (const found of verifiedKeys({ bucket, startOf: (source) => this.#startOf(source) })) {
        if (this.#isLeft(found.source)) break;
        await this.#take(found);
      }
    } catch (error) {
      if (!isDenied(error)) throw error;
      const message = `the role may not read ${JSON.stringify(prefixes.verified)}, so what others have stored is stored again: run update-resources`;
      notify({ level: "info", code: "verified-denied", message });
    }
    this.#end();
  }

  #end(): void {
    for (const source of this.#marks.keys())
      if (!this.#isLeft(source)) this.#settle(source, settledBefore(this.#deps.now));
    this.#report();
  }

  #marksOf(source: string): IndexMarks {
    const known = this.#marks.get(source);
    if (known !== undefined) return known;
    const marks = marksOf(this.#deps.database, source);
    this.#marks.set(source, marks);
    return marks;
  }

  #startOf(source: string): string {
    const start = this.#isLeft(source) ? behindAllOf(source) : this.#marksOf(source).start();
    if (source !== this.#deps.name || this.#ownKey === undefined || this.#ownSeen || this.#ownKey > start) return start;
    // Without its last character it sorts just before itself, so that it is seen.
    return this.#ownKey.slice(0, -1);
  }

  async #take(found: IndexKey): Promise<void> {
    const { now, name, signal } = this.#deps;
    const marks = this.#marksOf(found.source);
    if (this.#isLeft(found.source) || marks.has(found)) return;
    signal.throwIfAborted();
    if (!isTimely(found.stamp, now)) return this.#noteAbsurd(found);
    if (marks.isFull(now)) return void this.#full.add(found.source);
    if (found.source === name && !this.#believesOwn) this.#strange.add(found.key);
    else if (!(await this.#read(found))) return void this.#unread.add(found.source);
    marks.note(found.key, found.size);
    // What follows is later: a sync that is interrupted goes on from here.
    this.#settle(found.source, found.stamp);
  }

  /** Counts one whose time is not yet, or none. It never takes the place of one that is read. */
  #noteAbsurd({ key, size, source }: IndexKey): void {
    this.#absurd.add(key);
    const marks = this.#marksOf(source);
    if (!marks.isCrowded) marks.note(key, size);
  }

  /** Returns whether so many of its objects were read in vain that the rest is left to later runs. */
  #isLeft(source: string): boolean {
    return (this.#vain.get(source) ?? 0) >= mostInVain;
  }

  /** Notes what is before a stamp as dealt with, but never what this role may not read: that may be set right. */
  #settle(source: string, stamp: string): void {
    if (stamp <= settledBefore(this.#deps.now) && !this.#unread.has(source)) this.#marksOf(source).settle(stamp);
  }

  /** Returns false if it is there and may not be read. */
  async #read(found: IndexKey): Promise<boolean> {
    const { bucket, database, name, minimumLockEnd, notify } = this.#deps;
    const { key, version, source, run } = found;
    try {
      const lines =
        source === ""
          ? readVerifiedObject(bucket, { key, version }, run)
          : readIndexObject(bucket, { key, version }, { name: source, run });
      await learn(database, lines, { source: source === "" ? "verified" : "shared", minimumLockEnd });
      if (source === name && key > (fact(database, ownIndexFact) ?? "")) setFact(database, ownIndexFact, key);
      return true;
    } catch (error) {
      // A bucket that does not answer, or a database that cannot be written, is no matter of this one object.
      if (!(error instanceof FormatError) && !isOfOne(error) && !isDenied(error)) throw error;
      this.#vain.set(source, (this.#vain.get(source) ?? 0) + 1);
      notify({
        level: "warning",
        code: "index-damaged",
        message: `the index object ${JSON.stringify(key)} is passed over: ${reasonOf(error)}; what it lists is stored again`,
      });
      return !isDenied(error) || (await this.#isGone(key));
    }
  }

  /**
   * Returns whether an index object was removed, by a prune, since it was listed. S3 denies what is missing to a role that may not list
   * the whole bucket.
   */
  async #isGone(key: string): Promise<boolean> {
    const prefix = key.slice(0, key.indexOf("/") + 1);
    // Without its last character the key sorts just before itself.
    for await (const page of this.#deps.bucket.list(prefix, key.slice(0, -1)))
      return !page.some((found) => found.key === key);
    return true;
  }

  #report(): void {
    const { notify } = this.#deps;
    for (const source of this.#full) {
      const message = `under ${JSON.stringify(prefixOf(source))} are more index objects of two days than anybody puts; the rest is ignored, and what they list is stored again: find out whose credentials put them`;
      notify({ level: "warning", code: "index-absurd", message });
    }
    for (const source of this.#vain.keys()) {
      if (!this.#isLeft(source)) continue;
      const message = `under ${JSON.stringify(prefixOf(source))} ${mostInVain} objects cannot be used; the rest is left to the next run, and what it lists is stored again: find out whose credentials put them`;
      notify({ level: "warning", code: "index-absurd", message });
    }
    const absurd = this.#absurd.first;
    if (absurd !== undefined) {
      const message = `${this.#absurd.count} index objects are ignored, such as ${JSON.stringify(absurd)}: their names have a time that is not yet, or none; somebody with the right to put there made them up, or had a wrong clock`;
      notify({ level: "warning", code: "index-absurd", message });
    }
    const strange = this.#strange.first;
    if (strange !== undefined) {
      const message = `${this.#strange.count} index objects under the name of this backup are ignored, such as ${JSON.stringify(strange)}: this machine's state did not put them; does another machine archive under the same name, or has rebuild-index put them? To believe them, add the name to share_with`;
      notify({ level: "warning", code: "index-not-ours", message });
    }
  }
}

/** As it is with the role of s3-sysbackup: nothing is wrong, but a state that is lost is lost. */
export const indexDenied = {
  level: "info",
  code: "index-denied",
  message: `the role may not list ${JSON.stringify(prefixes.index)}, so only what this machine's own state knows is not stored again; allow s3:ListBucket there, or see docs/s3-sysbackup.md for a role that does`,
} as const;
