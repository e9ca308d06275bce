/** Extends locks, so that all is locked for as long as the manifest promises. */
import type { Database } from "bun:sqlite";
import { BucketError, type BucketWriter, type Retention } from "../../bucket/contract.ts";
import type { Notify } from "../../notice.ts";
import { type KnownObject, ObjectTable } from "../state/objects.ts";
import { usedObjects } from "./used-objects.ts";

const atOnce = 8;
const mostReported = 10;

export type ExtendDeps = {
  readonly bucket: BucketWriter;
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

type ExtendOutcome = "extended" | "long enough" | "lost";

/**
 * Extends each needed object whose lock ends before the promise, once. On an error, also an abort, it throws when no
 * request is under way any more.
 */
export async function extendLocks(deps: ExtendDeps): Promise<Extended> {
  const objects = new ObjectTable(deps.database);
  let extended = 0;
  let lost = 0;
  let refused = 0;
  let lostUntil: Date | undefined;
  for (const batch of batches(needing(objects, deps), atOnce)) {
    deps.signal.throwIfAborted();
    const report = (message: string) => {
      if (++refused <= mostReported) deps.notify({ level: "warning", code: "not-extended", message });
    };
    const results = await allSettled(batch.map((object) => extendOne(objects, object, report, deps)));
    for (const [index, { retainUntil }] of batch.entries()) {
      if (results[index] === "extended") extended += 1;
      if (results[index] !== "lost") continue;
      lost += 1;
      if (lostUntil === undefined || retainUntil < lostUntil) lostUntil = retainUntil;
    }
  }
  if (refused > mostReported) {
    const message = `${refused - mostReported} more locks could not be extended; their content is to be stored again`;
    deps.notify({ level: "warning", code: "not-extended", message });
  }
  return { extended, lost, lostUntil };
}

function* needing(objects: ObjectTable, { database, promisedUntil }: ExtendDeps): Generator<KnownObject> {
  if (objects.provenIdsExpiringBefore(promisedUntil).size === 0) return;
  const used = usedObjects(database);
  for (const object of objects.expiringBefore(promisedUntil)) if (used.has(object.id)) yield object;
}

async function extendOne(
  objects: ObjectTable,
  object: KnownObject,
  report: (message: string) => void,
  deps: ExtendDeps,
): Promise<ExtendOutcome> {
  try {
    const outcome = await extendOrFindLonger(object, deps);
    objects.extended(object.id, deps.retention.until);
    return outcome;
  } catch (error) {
    if (!(error instanceof BucketError) || (error.kind !== "missing" && error.kind !== "denied")) throw error;
    objects.distrust(object.id);
    report(
      `the lock of ${JSON.stringify(object.key)} could not be extended (${error.parts.why}); its content is to be stored again`,
    );
    return "lost";
  }
}

/** Extends a lock, or finds that it is long enough: a refusal as `locked` means that another host extended the lock further than we would. */
async function extendOrFindLonger(
  { key, version }: KnownObject,
  { bucket, retention }: ExtendDeps,
): Promise<ExtendOutcome> {
  try {
    await bucket.extend(key, version, retention);
    return "extended";
  } catch (error) {
    if (error instanceof BucketError && error.kind === "locked") return "long enough";
    throw error;
  }
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
