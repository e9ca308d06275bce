/** What thawing believes, and of whom. */
import { expect, test } from "bun:test";
import type { ObjectInfo } from "../../../core/bucket/contract.ts";
import { BucketError } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { FrozenGets } from "../../../restore/thaw/gets.ts";
import type { FrozenSum, NeededObjects } from "../../../restore/thaw/needed.ts";
import { thaw } from "../../../restore/thaw/thaw.ts";
import { attack } from "../../support/attack.ts";
import { Fixture } from "../support.ts";

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

type Round = { readonly asks: string[]; readonly said: string[]; readonly shown: number[] };

/**
 * Thaws objects in GLACIER. `denied`: those that nobody may thaw. `thawing`, `thawed`: those that an earlier run has asked for. `later`:
 * those that are found once what is frozen of the others was waited for.
 */
async function thawAll(
  names: readonly string[],
  {
    denied,
    thawing = [],
    thawed = [],
    later = [],
  }: Partial<Record<"denied" | "thawing" | "thawed" | "later", string[]>>,
) {
  const seen: Round = { asks: [], said: [], shown: [] };
  const readable = new Set(thawed);
  const underWay = new Set(thawing);
  const wishes = options(
    () => infoOf(undefined),
    async (sums) => {
      seen.shown.push(sums.reduce((sum, { objects }) => sum + objects, 0));
      return true;
    },
  );
  let rounds = 0;
  const figures = await thaw({
    ...wishes,
    collect: async (needed) => {
      rounds += 1;
      for (const key of rounds === 1 ? names : [...names, ...later]) needed.add({ ...object, key });
    },
    bucket: {
      ...wishes.bucket,
      head: async (key) => {
        const archived = readable.has(key) ? undefined : ({ tier: "GLACIER", thawing: underWay.has(key) } as const);
        return { ...infoOf(archived), key, isThawed: readable.has(key) };
      },
      thaw: async (key) => {
        seen.asks.push(key);
        if (denied?.includes(key)) throw new BucketError("denied", { doing: "thaw", what: key, why: "access denied" });
        underWay.add(key);
      },
    },
    sleep: async (milliseconds) => {
      await wishes.sleep(milliseconds);
      for (const key of underWay) readable.add(key);
    },
    notify: ({ message }) => seen.said.push(message),
  });
  return { figures, ...seen };
}

const one = "bundles/a.tar.zst";
const other = "bundles/b.tar.zst";
const part = "parts/a.jsonl.zst";
const otherPart = "parts/b.jsonl.zst";

test("one of two frozen objects that is denied to everybody is reported, and the other is thawed", async () => {
  const { figures, said } = await thawAll([one, other], { denied: [one] });
  expect(figures).toMatchObject({ requests: 2 });
  expect(said).toEqual([expect.stringContaining(one)]);
});

test("a role that may thaw none of two frozen objects is an error", async () => {
  const without = "access denied; without --thaw, what is not frozen is read";
  await expect(thawAll([one, other], { denied: [one, other] })).rejects.toThrow(without);
  await expect(thawAll([one], { denied: [one] })).rejects.toThrow(without);
});

test("a thaw that is run again while one object is being thawed goes on if the other one is denied", async () => {
  const { figures, said } = await thawAll([one, other], { denied: [one], thawing: [other] });
  expect(figures).toMatchObject({ requests: 1 });
  expect(said).toEqual([expect.stringContaining(one)]);
});

test("a part of a manifest that is denied is asked for, shown and reported once, and what the other parts name is thawed", async () => {
  for (const later of [[], [one]]) {
    const { figures, asks, said, shown } = await thawAll([part, otherPart], { denied: [part], later });
    expect(asks).toEqual([part, otherPart, ...later]);
    expect(said).toEqual([expect.stringContaining(part)]);
    expect(shown).toEqual([2, ...later.map(() => 1)]);
    expect(figures).toEqual({ objects: 2 + later.length, bytes: 2 + later.length, requests: 2 + later.length });
  }
});

test("what thawed parts name, if all of it is denied, is reported, and ends no restore", async () => {
  const { said } = await thawAll([part], { denied: [one], later: [one] });
  expect(said).toEqual([expect.stringContaining(one)]);
});

test("a thaw that is run again when one object is thawed goes on if the other one is denied", async () => {
  const { figures, said } = await thawAll([one, other], { denied: [one], thawed: [other] });
  expect(figures).toMatchObject({ objects: 1, requests: 1 });
  expect(said).toEqual([expect.stringContaining(one)]);
});

test("a frozen object that may not be looked up ends no restore that has met it", async () => {
  await using fixture = await Fixture.open();
  const refused = (kind: "frozen" | "denied") => new BucketError(kind, { doing: "read", what: "it", why: "no" });
  const gets = new FrozenGets(
    wrapBucket(fixture.bucket, {
      // biome-ignore lint/correctness/useYield: it is refused before.
      async *get() {
        throw refused("frozen");
      },
      head: () => Promise.reject(refused("denied")),
    }),
  );
  await expect(Array.fromAsync(gets.bucket.get(object.key, { version: "1" }))).rejects.toThrow();
  expect(await gets.sums(new AbortController().signal)).toEqual([]);
});
