/** Keeps credentials that several clients share: fetches them once, and again when they are about to expire. */
import { BucketError } from "../bucket/contract.ts";
import { mayPass } from "../bucket/fatal.ts";
import type { CredentialProvider, Credentials } from "../bucket/s3/credentials.ts";

/** Time before the end at which to fetch again: the SDK's clients ask again five minutes before the end. */
const spare = 6 * 60_000;

/**
 * Shares one call of `fetch` among callers at the same time. A refusal is final: every later caller gets it too, so that
 * requests in progress do not ask for a code again and again. Tries again only if the server could not be reached.
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
      if (error instanceof BucketError && mayPass(error.kind)) pending = undefined;
      throw error;
    }
  }

  return async () => {
    if (held !== undefined && isFresh(held)) return held;
    pending ??= fetched();
    return pending;
  };
}
