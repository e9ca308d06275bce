/** What thawing believes, and of whom. */
import { expect, test } from "bun:test";
import type { ObjectInfo } from "../../../core/bucket/contract.ts";
import { BucketError } from "../../../core/bucket/contract.ts";
import type { FrozenSum, NeededObjects } from "../../../restore/thaw/needed.ts";
import { thaw } from "../../../restore/thaw/thaw.ts";
import { attack } from "../../support/attack.ts";

const tebibyte = 1024 ** 4;
const object = { key: "bundles/test/a.tar.zst", version: "1", size: 1 };

function infoOf(archived: ObjectInfo["archived"], size = 1): ObjectInfo {
  const info = { ...object, size, metadata: {}, retention: undefined, legalHold: false };
  return archived === undefined ? info : { ...info, archived };
}

function options(head: () => ObjectInfo, mayThaw: (sums: readonly FrozenSum[]) => Promise<boolean>) {
  let time = 0;
  const thawed: string[] = [];
  return {
    thawed,
    hours: () => time / 3_600_000,
    bucket: {
      head: async () => head(),
      async *get(): AsyncGenerator<Uint8Array> {},
      thaw: async (key: string) => void thawed.push(key),
    },
    collect: async (needed: NeededObjects) => needed.add(object),
    speed: "bulk",
    mayThaw,
    notify: () => {},
    now: () => new Date(time),
    sleep: async (milliseconds: number) => {
      time += milliseconds;
    },
    onReady: () => {},
    signal: new AbortController().signal,
  } as const;
}

attack(
  {
    by: "W",
    what: "a manifest that says one byte of a frozen object of terabytes, so that its thawing looks cheap",
    before: "the price that was shown was that of one byte",
    now: "sizes are those that the bucket states; the price is asked about before anything is thawed",
  },
  async () => {
    const asked: number[] = [];
    const frozen = { tier: "DEEP_ARCHIVE", thawing: false } as const;
    const wishes = options(
      () => infoOf(frozen, 5 * tebibyte),
      async (sums) => {
        asked.push(...sums.map(({ bytes }) => bytes));
        return false;
      },
    );
    expect(await thaw(wishes)).toBeUndefined();
    expect(asked).toEqual([5 * tebibyte]);
    expect(wishes.thawed).toEqual([]);
  },
);

attack(
  {
    by: "S",
    what: "a server that says for ever that an object is being thawed",
    before: "the wait ended after twice the usual time",
    now: "the wait ends after twice the usual time",
  },
  async () => {
    const wishes = options(
      () => infoOf({ tier: "DEEP_ARCHIVE", thawing: true }),
      async () => true,
    );
    const error = await thaw(wishes).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain("cannot be read yet after 96 hours");
    expect(wishes.hours()).toBeLessThanOrEqual(96);
    // It says that it is under way: then nothing is asked for.
    expect(wishes.thawed).toEqual([]);
  },
);

test("a refusal of one object is reported, and not waited for", async () => {
  const frozen = { tier: "GLACIER", thawing: false } as const;
  const wishes = options(
    () => infoOf(frozen),
    async () => true,
  );
  const said: string[] = [];
  const refuse = () => Promise.reject(new BucketError("other", { doing: "thaw", what: "it", why: "no room" }));
  const figures = await thaw({
    ...wishes,
    bucket: { ...wishes.bucket, thaw: refuse },
    notify: ({ code }) => said.push(code),
  });
  expect(figures).toMatchObject({ requests: 1 });
  expect(said).toEqual(["not-thawed"]);
  expect(wishes.hours()).toBe(0);
});

/** Asks for two objects, of which these keys are denied. */
async function thawTwo(denied: readonly string[]) {
  let isThawed = false;
  const wishes = options(
    () => infoOf(isThawed ? undefined : { tier: "GLACIER", thawing: false }),
    async () => true,
  );
  const said: string[] = [];
  const refuseSome = async (key: string) => {
    if (denied.includes(key)) throw new BucketError("denied", { doing: "thaw", what: key, why: "access denied" });
    isThawed = true;
  };
  const figures = await thaw({
    ...wishes,
    collect: async (needed) => {
      needed.add(object);
      needed.add({ ...object, key: "bundles/test/b.tar.zst" });
    },
    bucket: { ...wishes.bucket, thaw: refuseSome },
    notify: ({ message }) => said.push(message),
  });
  return { figures, said };
}

test("one of two frozen objects that is denied to everybody is reported, and the other is thawed", async () => {
  const { figures, said } = await thawTwo([object.key]);
  expect(figures).toMatchObject({ requests: 2 });
  expect(said).toEqual([expect.stringContaining(object.key)]);
});

test("a role that may thaw none of two frozen objects is an error", async () => {
  await expect(thawTwo([object.key, "bundles/test/b.tar.zst"])).rejects.toThrow("access denied");
});
