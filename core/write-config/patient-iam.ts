/** Waits for IAM to know a new user everywhere: right after it is made, other requests may be answered that there is none. */
import { Failure } from "../failure.ts";
import type { Iam } from "./iam.ts";
import type { Patience } from "./key-works.ts";

/** Repeats what makes something of a user that was just made, as long as IAM does not know the user, and `pauses` are left. */
export function patientIam(iam: Iam, patience: Patience): Iam {
  return {
    ...iam,
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
      const pause = isUnknown(error) ? left.shift() : undefined;
      if (pause === undefined) throw error;
      await sleep(pause, signal);
    }
  }
}

function isUnknown(error: unknown): boolean {
  const cause = error instanceof Failure ? error.parts.cause : error;
  return cause instanceof Error && cause.name.startsWith("NoSuchEntity");
}
