/** What tests of locks ask of a run, and do to its extensions. */
import { BucketError, type BucketErrorKind } from "../../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import { faulty } from "../../bucket/faults.ts";
import { noise } from "../noise.ts";
import { day, Rig, type RigRun, type RunOptions } from "../rig.ts";

/** Whether all that the manifest needs is locked as long as it says. */
export async function keepsPromise({ backup }: RigRun): Promise<boolean> {
  return (await backup.lockedUntil()) >= new Date(backup.manifest.header.retain_until);
}

export function promisedDays({ summary }: RigRun): number {
  return (summary.retainUntil.getTime() - summary.started.getTime()) / day;
}

export async function rigWithFile(): Promise<Rig> {
  const rig = await Rig.make();
  await rig.write("file", noise(100_000));
  return rig;
}

/** The bucket, but extensions do something else, unless that is undefined. */
export function extending(extend: (key: string) => Promise<void> | undefined): RunOptions {
  return {
    around: (bucket) => wrapBucket(bucket, { extend: (key, ...rest) => extend(key) ?? bucket.extend(key, ...rest) }),
  };
}

export function refused(kind: BucketErrorKind): Promise<never> {
  return Promise.reject(new BucketError(kind, { doing: "extend", why: "it is refused" }));
}

/** A run, and how many packs had their locks extended; parts come and go with folders that others work in. */
export async function watched(
  rig: Rig,
  options: RunOptions = {},
): Promise<RigRun & { readonly extendedPacks: number }> {
  let watching: readonly string[] = [];
  const run = await rig.run({
    ...options,
    around: (bucket) => {
      const watch = faulty(bucket, []);
      watching = watch.calls;
      return watch.bucket;
    },
  });
  return { ...run, extendedPacks: watching.filter((call) => call.startsWith("extend packs/")).length };
}
