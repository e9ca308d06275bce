/**
 * Waits for IAM to know everywhere what is new: right after it is made, other requests may be answered that there is none. That goes for a
 * user, and for the boundary and group of a new stack. IAM also refuses changes while another one is under way.
 */
import { Failure } from "../failure.ts";
import type { Iam } from "./iam.ts";
import type { Patience } from "./key-works.ts";

/** Repeats what makes a user or something of it, as long as IAM does not know what it refers to, or is busy, and `pauses` are left. */
export function patientIam(iam: Iam, patience: Patience): Iam {
  return {
    ...iam,
    createUser: (name, properties) => patiently(() => iam.createUser(name, properties), patience),
    tag: (user, key, value) => patiently(() => iam.tag(user, key, value), patience),
    join: (user, group) => patiently(() => iam.join(user, group), patience),
    createKey: (user) => patiently(() => iam.createKey(user), patience),
  };
}

async function patiently<Answer>(request: () => Promise<Answer>, { pauses, sleep, signal }: Patience): Promise<Answer> {
  const left = [...pauses];
  for (;;) {
    try {
      return await request();
    } catch (error) {
      const pause = isForAWhile(error) ? left.shift() : undefined;
      if (pause === undefined) throw error;
      await sleep(pause, signal);
    }
  }
}

function isForAWhile(error: unknown): boolean {
  const cause = error instanceof Failure ? error.parts.cause : error;
  return cause instanceof Error && /^(NoSuchEntity|ConcurrentModification)/.test(cause.name);
}
