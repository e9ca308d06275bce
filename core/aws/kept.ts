/** Credentials that several clients share: asked for once, kept until they are about to expire, then asked for again. */
import { BucketError } from "../bucket/contract.ts";
import type { CredentialProvider, Credentials } from "../bucket/s3/credentials.ts";

/** Clients of the SDK ask again five minutes before the end: by then, a new answer must be at hand. */
const spare = 6 * 60_000;

/**
 * Callers at the same time share one call of `fetch`. A refusal is final and is given to every later caller, too: nobody is asked for
 * a code over and over by requests that were under way. Only where the server could not be reached is there another try.
 */
export function kept(fetch: CredentialProvider, now: () => Date): CredentialProvider {
  let pending: Promise<Credentials> | undefined;
  let held: Credentials | undefined;

  const isFresh = ({ expiration }: Credentials) =>
    expiration === undefined || expiration.getTime() - now().getTime() > spare;

  async function fetched(): Promise<Credentials> {
    try {
      held = await fetch();
      pending = undefined;
      return held;
    } catch (error) {
      if (error instanceof BucketError && (error.kind === "unreachable" || error.kind === "busy")) pending = undefined;
      throw error;
    }
  }

  return async () => {
    if (held !== undefined && isFresh(held)) return held;
    pending ??= fetched();
    return pending;
  };
}
