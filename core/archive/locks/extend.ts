/** Extends locks, so that all is locked for as long as the manifest promises. */
import type { Database } from "bun:sqlite";
import { BucketError, type BucketReader, type BucketWriter, type Retention } from "../../bucket/contract.ts";
import { extendUnlessLonger } from "../../bucket/extend-unless-longer.ts";
import { ExtensionCheck, NotChanged } from "../../bucket/extension-check.ts";
import type { Notify } from "../../notice.ts";
import { BitSet } from "../state/tables/bit-set.ts";
import { type KnownObject, ObjectTable } from "../state/tables/objects.ts";
import { usedObjects } from "./used-objects.ts";

const atOnce = 8;
const mostReported = 10;

export type ExtendDeps = {
  readonly bucket: BucketWriter & Pick<BucketReader, "retention">;
  readonly database: Database;
  /** What the manifest promises. */
  readonly promisedUntil: Date;
  /** What locks are extended to: the promise and some slack. */
  readonly retention: Retention;
  readonly notify: Notify;
  readonly signal: AbortSignal;
};

export type Extended = {
  readonly extended: number;
  /** Objects that could not be extended: gone, or not ours to extend. They count as unknown from now on. */
  readonly lost: number;
  /** When the first of their locks ends; undefined if none is lost. */
  readonly lostUntil: Date | undefined;
};

/**
 * Extends each needed object whose lock ends before the promise, once. On an error, also an abort, it throws when no
 * request is under way any more.
 */
export function extendLocks(deps: ExtendDeps): Promise<Extended> {
  return new Extender(deps).run();
}

class Extender {
  readonly #deps: ExtendDeps;
  readonly #objects: ObjectTable;
  readonly #check: ExtensionCheck;
  /** Ids of those whose extension rests on the server's answer alone. */
  readonly #unread = new BitSet();
  #extended = 0;
  #lost = 0;
  #lostUntil: Date | undefined;
  #refused = 0;

  constructor(deps: ExtendDeps) {
    this.#deps = deps;
    this.#objects = new ObjectTable(deps.database);
    this.#check = new ExtensionCheck(deps.bucket);
  }

  async run(): Promise<Extended> {
    const { promisedUntil, notify } = this.#deps;
    await this.#each(needing(this.#objects, this.#deps), (object) => this.#extendOne(object));
    if (this.#check.lied) await this.#each(this.#unreadObjects(promisedUntil), (object) => this.#readBack(object));
    if (this.#refused > mostReported) {
      const message = `${this.#refused - mostReported} more locks could not be extended; their content is to be stored again`;
      notify({ level: "warning", code: "not-extended", message });
    }
    return { extended: this.#extended, lost: this.#lost, lostUntil: this.#lostUntil };
  }

  async #each(objects: Iterable<KnownObject>, work: (object: KnownObject) => Promise<void>): Promise<void> {
    for (const batch of batches(objects, atOnce)) {
      this.#deps.signal.throwIfAborted();
      await allSettled(batch.map(work));
    }
  }

  *#unreadObjects(promisedUntil: Date): Generator<KnownObject> {
    // All of them: those that were extended end after the promise.
    for (const object of this.#objects.expiringBefore(new Date(8.64e15)))
      if (object.retainUntil >= promisedUntil && this.#unread.has(object.id)) yield object;
  }

  async #extendOne(object: KnownObject): Promise<void> {
    const { retention } = this.#deps;
    await this.#orLose(object, async () => {
      const isExtended = await extendUnlessLonger(this.#deps.bucket, object, retention);
      const isRead = !isExtended || (await this.#check.pass(object, retention));
      if (!isRead) this.#unread.add(object.id);
      this.#objects.extended(object.id, retention.until);
      if (isExtended) this.#extended += 1;
    });
  }

  async #readBack(object: KnownObject): Promise<void> {
    const isKept = await this.#orLose(object, () => this.#check.mustKeep(object, this.#deps.retention));
    if (!isKept) this.#extended -= 1;
  }

  /** Returns whether the work was done. If not, the object counts as unknown from now on. */
  async #orLose(object: KnownObject, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof BucketError) || (error.kind !== "missing" && error.kind !== "denied")) throw error;
      this.#objects.distrust(object.id);
      this.#lost += 1;
      const until = error instanceof NotChanged ? (error.lock?.until ?? new Date(0)) : object.retainUntil;
      const lostUntil = this.#lostUntil ?? this.#deps.promisedUntil;
      this.#lostUntil = new Date(Math.min(until.getTime(), lostUntil.getTime()));
      this.#report(
        `the lock of ${JSON.stringify(object.key)} could not be extended (${error.parts.why}); its content is to be stored again`,
      );
      return false;
    }
  }

  #report(message: string): void {
    this.#refused += 1;
    if (this.#refused <= mostReported) this.#deps.notify({ level: "warning", code: "not-extended", message });
  }
}

function* needing(objects: ObjectTable, { database, promisedUntil }: ExtendDeps): Generator<KnownObject> {
  if (objects.provenIdsExpiringBefore(promisedUntil).size === 0) return;
  const used = usedObjects(database);
  for (const object of objects.expiringBefore(promisedUntil)) if (used.has(object.id)) yield object;
}

/** Waits for all, also after one failed: nothing may touch the database when its run has ended. */
async function allSettled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function* batches<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    if (batch.push(item) < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
