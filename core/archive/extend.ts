/** Extends locks, so that a manifest promises no more than is locked. */
import type { Database } from "bun:sqlite";
import { BucketError, type BucketWriter, type Retention } from "../bucket/contract.ts";
import type { Notify } from "../notice.ts";
import type { BitSet } from "./bit-set.ts";
import { type KnownObject, ObjectTable } from "./state/objects.ts";

const atOnce = 8;

export type ExtendParts = {
  readonly bucket: BucketWriter;
  readonly database: Database;
  /** Ids of the objects that the manifest needs. */
  readonly used: BitSet;
  /** What the manifest promises. */
  readonly promise: Date;
  /** What locks are extended to: the promise and some slack. */
  readonly retention: Retention;
  readonly notify: Notify;
};

export type Extended = {
  readonly extended: number;
  /** Objects that could not be extended: gone, or not ours to extend. They count as unknown from now on. */
  readonly lost: number;
};

/** Each needed object whose lock ends before the promise is extended once. */
export async function extendLocks(parts: ExtendParts): Promise<Extended> {
  const objects = new ObjectTable(parts.database);
  let extended = 0;
  let lost = 0;
  for (const batch of batches(needing(objects, parts), atOnce)) {
    const results = await Promise.all(batch.map((object) => extendOne(objects, object, parts)));
    for (const kept of results) {
      if (kept) extended += 1;
      else lost += 1;
    }
  }
  return { extended, lost };
}

function* needing(objects: ObjectTable, { used, promise }: ExtendParts): Generator<KnownObject> {
  for (const object of objects.lapsingBefore(promise)) if (used.has(object.id)) yield object;
}

async function extendOne(objects: ObjectTable, object: KnownObject, parts: ExtendParts): Promise<boolean> {
  const { bucket, retention, notify } = parts;
  try {
    await bucket.extend(object.key, object.version, retention);
    objects.extended(object.id, retention.until);
    return true;
  } catch (error) {
    if (!(error instanceof BucketError)) throw error;
    if (error.kind !== "locked" && error.kind !== "missing" && error.kind !== "denied") throw error;
    // Another host extended it further than we would.
    if (error.kind === "locked") return true;
    objects.distrust(object.id);
    const message = `the lock of ${JSON.stringify(object.key)} could not be extended (${error.parts.why}); its content is stored again`;
    notify({ level: "warning", code: "not-extended", message });
    return false;
  }
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
