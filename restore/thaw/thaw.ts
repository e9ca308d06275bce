/**
 * Thaws what a restore needs, and waits for it:
 *
 * 1. Collect the objects that the restore reads, and look each up.
 * 2. Say what is frozen, and ask whether it may be thawed: that costs money.
 * 3. Ask for a copy of each frozen version, once. One that is being made already is no error, so the same command may be run again.
 * 4. Wait until all can be read. If parts of the manifest were among them, what they name is collected again.
 */
import { type Bucket, BucketError } from "../../core/bucket/contract.ts";
import { Denials } from "../../core/bucket/denials.ts";
import { isDenied, throwIfFatal } from "../../core/bucket/fatal.ts";
import { exitStatus, Failure } from "../../core/failure.ts";
import type { ThawSpeed } from "../../core/format/storage-class.ts";
import type { Notify } from "../../core/notice.ts";
import { eachOf } from "../../core/side-by-side.ts";
import { markFrozen } from "./collect.ts";
import { type FrozenSum, NeededObjects } from "./needed.ts";
import { hoursToThaw, speedsOf } from "./speeds.ts";
import { type WaitTools, waitForAll } from "./wait.ts";

export type ThawOptions = WaitTools & {
  readonly bucket: Pick<Bucket, "get" | "head" | "thaw">;
  /** Adds what is to be read. Called again if parts of the manifest were frozen. */
  readonly collect: (needed: NeededObjects) => Promise<void>;
  readonly speed: ThawSpeed;
  readonly notify: Notify;
  /** Called before anything is asked for, with what is frozen. Returns whether it may be, at its price. */
  readonly mayThaw: (sums: readonly FrozenSum[]) => Promise<boolean>;
};

/** `objects`: that were frozen; `requests`: that were made to thaw them. */
export type ThawFigures = { objects: number; bytes: number; requests: number };

/** Days that a thawed copy is kept: time for a restore of many terabytes. It is charged for as long. */
export const daysThawed = 7;

const atOnce = 16;
/** Refusals that are named; more are only counted. */
const mostNamed = 20;
/** Parts of the manifest first, then what they name. */
const mostRounds = 3;

/** Returns when all that was frozen can be read, but for what is reported; undefined if it may not be thawed. */
export async function thaw(options: ThawOptions): Promise<ThawFigures | undefined> {
  const figures = { objects: 0, bytes: 0, requests: 0 };
  const denials = new Denials();
  using refused = new NeededObjects();
  for (let round = 0; round < mostRounds; round += 1) {
    using needed = new NeededObjects();
    await options.collect(needed);
    // What was thawed by an earlier run says that the role may.
    if (await markFrozen(needed.all(), needed, options)) denials.passed();
    for (const object of refused.all()) needed.settled(object);
    const sums = needed.sums();
    if (sums.length === 0) break;
    const hours = checkSpeed(sums, options.speed);
    if (!(await options.mayThaw(sums))) return undefined;
    for (const { objects, bytes } of sums) {
      figures.objects += objects;
      figures.bytes += bytes;
    }
    const hadParts = [...needed.allFrozen()].some(({ key }) => isOfManifest(key));
    figures.requests += await askForAll(needed, { ...options, denials, refused }).catch(withAnotherWay);
    await waitForAll(needed, hours, options);
    if (!hadParts) break;
  }
  return figures;
}

const isOfManifest = (key: string): boolean => /\.jsonl\./.test(key);

/** Returns the hours that it takes at most. Throws a Failure if a tier has no such speed: nothing was asked for yet. */
function checkSpeed(sums: readonly FrozenSum[], speed: ThawSpeed): number {
  const tiers = sums.map(({ tier }) => tier);
  const hours = hoursToThaw(tiers, speed);
  if (hours !== undefined) return hours;
  throw new Failure({
    doing: "thaw by",
    what: speed,
    why: `some of it lies in ${tiers.filter((tier) => hoursToThaw([tier], speed) === undefined).join(", ")}, which has no such speed`,
    remedy: `give --thaw ${speedsOf(tiers).join(" or --thaw ")}`,
    exit: exitStatus.usage,
  });
}

type AskOptions = ThawOptions & {
  readonly denials: Denials;
  /** Takes what is refused, which is not asked for again. */
  readonly refused: NeededObjects;
};

/** Adds to an error of a role that may thaw nothing what can be done all the same. */
function withAnotherWay(error: unknown): never {
  if (!isDenied(error)) throw error;
  const other = "without --thaw, what is not frozen is read";
  const { remedy = other } = error.parts;
  throw new BucketError(error.kind, {
    ...error.parts,
    remedy: remedy === other ? other : `${remedy}; ${other}`,
    cause: error,
  });
}

/** Returns the number of requests. What is refused is reported, and not waited for. Throws if nothing is allowed. */
async function askForAll(
  needed: NeededObjects,
  { bucket, speed, notify, signal, denials, refused }: AskOptions,
): Promise<number> {
  let requests = 0;
  let refusals = 0;
  await eachOf(needed.allFrozen(), atOnce, async (object) => {
    if (object.thawing) return;
    signal.throwIfAborted();
    requests += 1;
    try {
      await bucket.thaw(object.key, object.version, { tier: object.tier, speed, days: daysThawed });
      denials.passed();
    } catch (error) {
      const refusal = throwIfFatal(error);
      if (refusal.kind === "denied") denials.add(refusal);
      needed.settled(object);
      refused.add(object);
      refusals += 1;
      if (refusals <= mostNamed) notify({ level: "error", code: "not-thawed", message: refusal.message });
    }
  });
  denials.end();
  if (refusals > mostNamed) {
    const message = `${refusals - mostNamed} more objects cannot be thawed`;
    notify({ level: "error", code: "not-thawed", message });
  }
  return requests;
}
