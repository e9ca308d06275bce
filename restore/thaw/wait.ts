/** Waits until frozen objects can be read. */
import { BucketError, type BucketReader } from "../../core/bucket/contract.ts";
import { mayPass, throwIfFatal } from "../../core/bucket/fatal.ts";
import { Failure } from "../../core/failure.ts";
import type { FrozenObject, NeededObjects } from "./needed.ts";

export type WaitTools = {
  readonly bucket: Pick<BucketReader, "head">;
  readonly now: () => Date;
  /** Waits so many milliseconds. Throws the reason of the signal if that comes first. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Called with each object that can be read, or is not waited for any more. */
  readonly onReady: (object: FrozenObject) => void;
  readonly signal: AbortSignal;
};

const second = 1_000;
const hour = 3_600 * second;
const firstPause = 30 * second;
const longestPause = 10 * 60 * second;
/** S3 may take longer than it usually does. */
const patience = 2;
const leastWait = hour;

/**
 * Waits for one object after the other: what is asked for at the same time is there at about the same time, so the requests are few.
 * `hours`: how long it usually takes at most. Throws a Failure after twice that.
 */
export async function waitForAll(needed: NeededObjects, hours: number, tools: WaitTools): Promise<void> {
  const { now, signal } = tools;
  const limit = Math.max(leastWait, hours * hour * patience);
  const end = now().getTime() + limit;
  let pause = firstPause;
  for (const object of needed.allFrozen()) {
    while (await isFrozen(object, tools)) {
      signal.throwIfAborted();
      if (now().getTime() + pause > end) throw tooLong(object, limit);
      await tools.sleep(pause);
      pause = Math.min(longestPause, pause * 1.5);
    }
    tools.onReady(object);
  }
}

/** What is gone is not waited for: the restore says so. A server that is away for a while costs none of the hours that were waited. */
async function isFrozen({ key, version }: FrozenObject, { bucket }: WaitTools): Promise<boolean> {
  try {
    return (await bucket.head(key, version))?.archived !== undefined;
  } catch (error) {
    if (error instanceof BucketError && mayPass(error.kind)) return true;
    throwIfFatal(error);
    return false;
  }
}

function tooLong({ key }: FrozenObject, limit: number): Failure {
  return new Failure({
    doing: "wait for the thawing of",
    what: key,
    why: `it cannot be read yet after ${Math.round(limit / hour)} hours`,
    remedy: "come back later with `sysbackup restore --resume`, or look at it at your provider",
  });
}
