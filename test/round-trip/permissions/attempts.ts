/** All that somebody with the credentials of a role may try with the bucket. */
import type { Attempt, Limits } from "./attempt.ts";
import { bucketWide } from "./bucket-wide.ts";
import { locks } from "./locking.ts";
import { reads } from "./reading.ts";
import { removals } from "./removing.ts";
import { puts } from "./storing.ts";

export type Group = { readonly title: string; readonly attempts: readonly Attempt[] };

export function allAttempts(limits: Limits): Group[] {
  return [
    { title: "Reading", attempts: reads },
    { title: "Storing", attempts: puts(limits) },
    { title: "Locks", attempts: locks(limits) },
    { title: "Removing and giving away", attempts: removals },
    { title: "The bucket", attempts: bucketWide },
  ];
}
