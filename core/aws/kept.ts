/** Keeps credentials that several clients share: fetches them once, and again when they are about to expire. */
import { BucketError } from "../bucket/contract.ts";
import { mayPass } from "../bucket/fatal.ts";
import type { CredentialProvider } from "../bucket/s3/credentials.ts";

/** Time before the end at which to fetch again: the SDK's clients ask again five minutes before the end. */
const spare = 6 * 60_000;

/** Shares what `fetch` gets among all callers, until `expirationOf` it is near. A failure is not kept. */
export function shared<Answer>(
  fetch: () => Promise<Answer>,
  expirationOf: (answer: Answer) => Date | undefined,
  now: () => Date,
): () => Promise<Answer> {
  let pending: Promise<Answer> | undefined;
  let held: Answer | undefined;

  function isFresh(answer: Answer): boolean {
    const expiration = expirationOf(answer);
    return expiration === undefined || expiration.getTime() - now().getTime() > spare;
  }

  async function fetched(): Promise<Answer> {
    try {
      held = await fetch();
      return held;
    } finally {
      pending = undefined;
    }
  }

  return async () => {
    if (held !== undefined && isFresh(held)) return held;
    pending ??= fetched();
    return pending;
  };
}

/**
 * Shares credentials for which somebody may be asked for a code. A refusal is final: every later caller gets it too, so that
 * requests in progress do not ask for a code again and again. Tries again only if the server could not be reached.
 */
export function kept(fetch: CredentialProvider, now: () => Date): CredentialProvider {
  let refusal: { readonly error: unknown } | undefined;
  const once: CredentialProvider = async () => {
    if (refusal !== undefined) throw refusal.error;
    try {
      return await fetch();
    } catch (error) {
      if (!(error instanceof BucketError && mayPass(error.kind))) refusal = { error };
      throw error;
    }
  };
  return shared(once, ({ expiration }) => expiration, now);
}
