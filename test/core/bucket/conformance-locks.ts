/** What every bucket promises of locks: see `conformance.ts`. */
import { expect } from "bun:test";
import { type Bench, bytes, collect, hour, kindOf, textOf } from "./conformance-bench.ts";

export const lockCases = {
  "a lock moves later, and the same date again is no error": async ({ bucket, key, lock }: Bench) => {
    const { version } = await bucket.put(key("a"), bytes("x"), { retention: lock(hour) });
    const later = lock(2 * hour);
    await bucket.extend(key("a"), version, later);
    await bucket.extend(key("a"), version, later);
    expect((await bucket.head(key("a"), version))?.retention).toEqual(later);
  },

  "a lock never moves earlier": async ({ bucket, key, lock }: Bench) => {
    const retention = lock(2 * hour);
    const { version } = await bucket.put(key("a"), bytes("x"), { retention });
    expect(await kindOf(bucket.extend(key("a"), version, lock(hour)))).toBe("locked");
    expect((await bucket.head(key("a"), version))?.retention).toEqual(retention);
  },

  "the lock of a version is had by itself, also where a newer version lies over it": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    const [first, second] = [lock(hour), lock(2 * hour)];
    const { version } = await bucket.put(key("a"), bytes("x"), { retention: first });
    const newer = await bucket.put(key("a"), bytes("y"), { retention: second });
    expect(await bucket.retention(key("a"), version)).toEqual(first);
    expect(await bucket.retention(key("a"), newer.version)).toEqual(second);
    const later = lock(3 * hour);
    await bucket.extend(key("a"), version, later);
    expect(await bucket.retention(key("a"), version)).toEqual(later);
  },

  "the lock of what is missing is missing": async ({ bucket, key, lock }: Bench) => {
    const other = await bucket.put(key("other"), bytes("x"), { retention: lock() });
    await bucket.put(key("here"), bytes("x"), { retention: lock() });
    expect(await kindOf(bucket.retention(key("nowhere"), other.version))).toBe("missing");
    expect(await kindOf(bucket.retention(key("here"), other.version))).toBe("missing");
  },

  "a lock that has passed already is refused": async ({ bucket, key, lock }: Bench) => {
    expect(await kindOf(bucket.put(key("a"), bytes("x"), { retention: lock(-hour) }))).toBe("other");
    expect(await bucket.head(key("a"))).toBeUndefined();
  },

  "a locked version is not removed": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    const { version } = await bucket.put(key("a"), bytes("x"), { retention: lock() });
    expect(await kindOf(bucket.remove(key("a"), version))).toBe("locked");
    expect(await textOf(bench, key("a"), { version })).toBe("x");
  },

  "a version whose lock has ended is removed, and only it": async (bench: Bench) => {
    const { bucket, key, lock, until } = bench;
    const short = lock(5);
    const first = await bucket.put(key("a"), bytes("first"), { retention: short });
    const second = await bucket.put(key("a"), bytes("second"), { retention: short });
    await until(short.until);
    await bucket.remove(key("a"), first.version);
    expect(await bucket.head(key("a"), first.version)).toBeUndefined();
    expect(await textOf(bench, key("a"))).toBe("second");
    await bucket.remove(key("a"), second.version);
    expect(await collect(bucket.listVersions(key("")))).toEqual([]);
    expect(await kindOf(bucket.remove(key("a"), first.version))).toBe("no error");
  },
};
