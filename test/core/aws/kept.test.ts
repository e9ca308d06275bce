import { describe, expect, test } from "bun:test";
import { kept } from "../../../core/aws/kept.ts";
import { BucketError } from "../../../core/bucket/contract.ts";
import type { Credentials } from "../../../core/bucket/s3/credentials.ts";

const start = new Date("2026-11-22T00:00:00Z").getTime();
const minute = 60_000;

/** Credentials for an hour each; the access key says which. */
function source() {
  let at = start;
  let fetched = 0;
  let fault: Error | undefined;
  const fetch = async (): Promise<Credentials> => {
    fetched++;
    if (fault !== undefined) throw fault;
    return { accessKeyId: String(fetched), secretAccessKey: "s", expiration: new Date(at + 60 * minute) };
  };
  return {
    credentials: kept(fetch, () => new Date(at)),
    wait: (milliseconds: number) => {
      at += milliseconds;
    },
    failWith: (error: Error | undefined) => {
      fault = error;
    },
    fetched: () => fetched,
  };
}

describe("shared credentials", () => {
  test("shared credentials are fetched once for all callers, at the same time and later", async () => {
    const { credentials, fetched } = source();
    await Promise.all([credentials(), credentials(), credentials()]);
    await credentials();
    expect(fetched()).toBe(1);
  });

  test("shared credentials are fetched again before the SDK's clients ask for new ones, five minutes before the end", async () => {
    const { credentials, wait } = source();
    await credentials();
    wait(53 * minute);
    expect((await credentials()).accessKeyId).toBe("1");
    wait(minute);
    expect((await credentials()).accessKeyId).toBe("2");
  });

  test("a refusal is final: nobody is asked again", async () => {
    const { credentials, failWith, fetched } = source();
    failWith(new BucketError("credentials", { doing: "sign in", why: "no" }));
    for (let time = 1; time <= 3; time++) expect(await credentials().catch(String)).toContain("cannot sign in: no");
    expect(fetched()).toBe(1);
  });

  test("a server out of reach is tried again", async () => {
    const { credentials, failWith } = source();
    failWith(new BucketError("unreachable", { doing: "sign in", why: "no" }));
    expect(await credentials().catch(String)).toContain("cannot sign in: no");
    failWith(undefined);
    expect((await credentials()).accessKeyId).toBe("2");
  });
});
