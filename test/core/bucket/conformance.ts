/**
 * What every bucket promises, as cases that run against each implementation. Where a service is known to break one, its
 * `differs` names the case and the reason; the case must then fail, so that a service that learns it is noticed.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Bucket, Retention } from "../../../core/bucket/contract.ts";
import { compareKeys } from "../../../core/bucket/order.ts";
import { readAll } from "../../../core/bucket/stream.ts";
import {
  type Bench,
  bytes,
  collect,
  hour,
  keysOf,
  kindOf,
  mebibyte,
  type Subject,
  sha256,
  textOf,
} from "./conformance-bench.ts";
import { lockCases } from "./conformance-locks.ts";

type Promised = keyof typeof cases;

type Differs = { readonly [name in Promised]?: string };

export type Suite = {
  readonly name: string;
  readonly absent: boolean;
  readonly open: () => Promise<Subject>;
  readonly differs: Differs;
};

/** Puts empty objects, some at a time. */
async function putAll(bench: Bench, keys: readonly string[]): Promise<void> {
  const options = { retention: bench.lock() };
  const left = keys.values();
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (const key of left) await bench.bucket.put(key, bytes(""), options);
    }),
  );
}

const cases = {
  ...lockCases,

  "a put comes back with bytes, size, metadata, and retention": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    const metadata = { "restore-through": "psql -f - --set='a b'", n: "1", empty: "" };
    const retention = lock();
    const body = bytes("hello");
    const stored = await bucket.put(key("a"), body, { retention, metadata, sha256: sha256(body) });
    expect(stored).toEqual({ key: key("a"), version: expect.any(String), size: 5 });
    expect(await textOf(bench, key("a"), { version: stored.version })).toBe("hello");
    const info = await bucket.head(key("a"), stored.version);
    expect(info).toEqual({ ...stored, metadata, retention, legalHold: false });
  },

  "each put makes a version, and the newest is what plain reads see": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    const versions: string[] = [];
    for (const text of ["one", "two", "three"])
      versions.push((await bucket.put(key("a"), bytes(text), { retention: lock() })).version);
    expect(new Set(versions).size).toBe(3);
    expect(await textOf(bench, key("a"))).toBe("three");
    expect(await textOf(bench, key("a"), { version: versions[0] ?? "" })).toBe("one");
    expect((await bucket.head(key("a")))?.version).toBe(versions[2] ?? "");
    const listed = await collect(bucket.listVersions(key("")));
    expect(listed.map(({ version, size, latest }) => [version, size, latest])).toEqual([
      [versions[2] ?? "", 5, true],
      [versions[1] ?? "", 3, false],
      [versions[0] ?? "", 3, false],
    ]);
    const [current, ...others] = await collect(bucket.list(key("")));
    expect(current).toMatchObject({ key: key("a"), size: 5 });
    expect([versions[2], undefined]).toContain(current?.version);
    expect(others).toEqual([]);
  },

  "puts of one key at once all survive": async ({ bucket, key, lock }: Bench) => {
    const bodies = Array.from({ length: 8 }, (_, i) => bytes(`body ${i}`));
    const stored = await Promise.all(bodies.map((body) => bucket.put(key("a"), body, { retention: lock() })));
    const read = stored.map(async ({ version }) => (await readAll(bucket.get(key("a"), { version }), 100)).toString());
    expect(await Promise.all(read)).toEqual(bodies.map(String));
  },

  "a range gives exactly its bytes": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    await bucket.put(key("a"), bytes("0123456789"), { retention: lock() });
    const read = (start: number, length: number) => textOf(bench, key("a"), { range: { start, length } });
    expect(await read(0, 1)).toBe("0");
    expect(await read(3, 4)).toBe("3456");
    expect(await read(9, 1)).toBe("9");
    expect(await read(0, 10)).toBe("0123456789");
    expect(await read(4, 0)).toBe("");
  },

  "a range past the end is damaged": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    await bucket.put(key("a"), bytes("0123456789"), { retention: lock() });
    const read = (start: number, length: number) => textOf(bench, key("a"), { range: { start, length } });
    expect(await kindOf(read(8, 3))).toBe("damaged");
    expect(await kindOf(read(20, 3))).toBe("damaged");
  },

  "a get tells the version and whole size before the bytes": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    const stored = await bucket.put(key("a"), bytes("0123456789"), { retention: lock() });
    const reported: unknown[] = [];
    const options = { range: { start: 2, length: 3 }, onStart: (object: unknown) => void reported.push(object) };
    await textOf(bench, key("a"), options);
    expect(reported).toEqual([stored]);
  },

  "what is in no archive tier cannot be thawed, and is read as before": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    const { version } = await bucket.put(key("a"), bytes("warm"), { retention: lock() });
    expect((await bucket.head(key("a"), version))?.archived).toBeUndefined();
    const thawed = bucket.thaw(key("a"), version, { tier: "GLACIER", speed: "bulk", days: 1 });
    expect(await kindOf(thawed)).toBe("other");
    expect(await textOf(bench, key("a"))).toBe("warm");
  },

  "an empty object is an object": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    const stored = await bucket.put(key("a"), bytes(""), { retention: lock(), sha256: sha256(bytes("")) });
    expect(await textOf(bench, key("a"))).toBe("");
    expect((await bucket.head(key("a"), stored.version))?.size).toBe(0);
    expect(await collect(bucket.list(key("")))).toMatchObject([{ key: key("a"), size: 0 }]);
  },

  "a missing key or version is missing": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    const other = await bucket.put(key("other"), bytes("x"), { retention: lock() });
    await bucket.put(key("here"), bytes("x"), { retention: lock() });
    expect(await bucket.head(key("nowhere"))).toBeUndefined();
    expect(await bucket.head(key("here"), other.version)).toBeUndefined();
    expect(await kindOf(textOf(bench, key("nowhere")))).toBe("missing");
    expect(await kindOf(textOf(bench, key("here"), { version: other.version }))).toBe("missing");
    expect(await keysOf(bench, key("nowhere"))).toEqual([]);
  },

  "extending what is missing says so": async ({ bucket, key, lock }: Bench) => {
    const other = await bucket.put(key("other"), bytes("x"), { retention: lock() });
    expect(await kindOf(bucket.extend(key("nowhere"), other.version, lock(2 * hour)))).toBe("missing");
  },

  "a missing bucket is distinguished from a missing object": async (bench: Bench) => {
    const use = async (run: (missing: Bucket) => Promise<unknown>) => {
      const missing = await bench.openMissing();
      await run(missing).finally(() => missing.close());
    };
    expect(await kindOf(use((missing) => missing.put("a", bytes("x"), { retention: bench.lock() })))).toBe("no-bucket");
    expect(await kindOf(use((missing) => readAll(missing.get("a"), 100)))).toBe("no-bucket");
    expect(await kindOf(use((missing) => collect(missing.list(""))))).toBe("no-bucket");
  },

  "keys are listed in byte order": async (bench: Bench) => {
    const names = ["a-b", "a/b", "a/b/c.d", "a/b-c", "a0", "a.b", "B", "z", "é", "\ufffd", "😀", "a b", "a/-", "a+"]
      .map((name) => `${name}x`)
      .map(bench.key);
    await putAll(bench, names);
    expect(await keysOf(bench, bench.key(""))).toEqual(names.toSorted(compareKeys));
    expect(await keysOf(bench, bench.key("a/b"))).toEqual(["a/b-cx", "a/b/c.dx", "a/bx"].map(bench.key));
    expect(await keysOf(bench, bench.key("a"), bench.key("a/b-cx"))).toEqual(
      ["a/b/c.dx", "a/bx", "a0x"].map(bench.key),
    );
    expect(await keysOf(bench, bench.key(""), bench.key("a/bx"))).toContain(bench.key("a0x"));
  },

  "more than a page is listed whole, in pages of at most 1,000": async (bench: Bench) => {
    const keys = Array.from({ length: 1005 }, (_, i) => bench.key(`k${String(i).padStart(5, "0")}`));
    await putAll(bench, keys);
    const pages: number[] = [];
    for await (const page of bench.bucket.list(bench.key(""))) pages.push(page.length);
    expect(pages).toEqual([1000, 5]);
    expect(await keysOf(bench, bench.key(""))).toEqual(keys);
    expect(await keysOf(bench, bench.key(""), keys[999])).toEqual(keys.slice(1000));
    const last = keys[999] ?? "";
    const newer = [await bench.bucket.put(last, bytes("1"), { retention: bench.lock() })];
    newer.unshift(await bench.bucket.put(last, bytes("2"), { retention: bench.lock() }));
    const versions = await collect(bench.bucket.listVersions(bench.key("")));
    expect(versions.map(({ key }) => key)).toEqual([...keys.slice(0, 999), last, last, ...keys.slice(999)]);
    expect(versions.slice(999, 1001).map(({ version }) => version)).toEqual(newer.map(({ version }) => version));
  },

  "an empty listing is one empty page": async ({ bucket, key }: Bench) => {
    const pages: unknown[] = [];
    for await (const page of bucket.list(key("nothing"))) pages.push(page);
    for await (const page of bucket.listVersions(key("nothing"))) pages.push(page);
    expect(pages).toEqual([[], []]);
  },

  "versions are listed after a key": async ({ bucket, key, lock }: Bench) => {
    for (const name of ["a", "b", "b", "c"]) await bucket.put(key(name), bytes(""), { retention: lock() });
    const listed = await collect(bucket.listVersions(key(""), key("a")));
    expect(listed.map((version) => version.key)).toEqual([key("b"), key("b"), key("c")]);
  },

  "metadata that S3 would refuse or change is refused": async ({ bucket, key, lock }: Bench) => {
    for (const metadata of [{ Upper: "x" }, { a: " x" }, { a: "é" }, { a: "line\nbreak" }, { a: "x".repeat(2048) }]) {
      expect(await kindOf(bucket.put(key("a"), bytes("x"), { retention: lock(), metadata }))).toBe("other");
    }
  },

  "metadata takes 2 KB": async ({ bucket, key, lock }: Bench) => {
    const metadata = { a: "x".repeat(2047) };
    await bucket.put(key("a"), bytes("x"), { retention: lock(), metadata });
    expect((await bucket.head(key("a")))?.metadata).toEqual(metadata);
  },

  "bytes that do not have the stated SHA-256 are refused, or damaged when they are read": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    const wrong = { retention: lock(), sha256: sha256(bytes("other")) };
    const put = await kindOf(bucket.put(key("a"), bytes("x"), wrong));
    if (put === "damaged") expect(await bucket.head(key("a"))).toBeUndefined();
    else expect([put, await kindOf(textOf(bench, key("a"), { unchanged: true }))]).toEqual(["no error", "damaged"]);
  },

  "an upload's parts may come in any order, and it is locked": async ({ bucket, key, lock }: Bench) => {
    const parts = [1, 2, 3].map((i) => Buffer.alloc(i === 3 ? 1000 : 5 * mebibyte + i, i));
    const metadata = { description: "a dump" };
    const retention = lock();
    const upload = await bucket.startUpload(key("a"), { retention, metadata });
    const send = (number: number) => upload.part(number, parts[number - 1] ?? bytes(""));
    await send(3);
    await Promise.all([send(2), send(1)]);
    await send(2);
    expect(await bucket.head(key("a"))).toBeUndefined();
    const stored = await upload.complete();
    const whole = Buffer.concat(parts);
    expect(stored.size).toBe(whole.byteLength);
    const info = await bucket.head(key("a"), stored.version);
    expect(info).toEqual({ ...stored, metadata, retention, legalHold: false });
    expect((await readAll(bucket.get(key("a")), whole.byteLength)).equals(whole)).toBe(true);
    expect(await kindOf(bucket.remove(key("a"), stored.version))).toBe("locked");
  },

  "an aborted upload leaves nothing, and aborts again": async (bench: Bench) => {
    const { bucket, key, lock } = bench;
    const upload = await bucket.startUpload(key("a"), { retention: lock() });
    await upload.part(1, bytes("x"));
    await upload.abort();
    expect(await kindOf(upload.abort())).toBe("no error");
    expect(await collect(bucket.listVersions(key("")))).toEqual([]);
  },

  "a part that is too small is refused, and nothing stored": async ({ bucket, key, lock }: Bench) => {
    const upload = await bucket.startUpload(key("a"), { retention: lock() });
    await upload.part(1, bytes("x"));
    await upload.part(2, bytes("y"));
    expect(await kindOf(upload.complete())).toBe("other");
    await upload.abort();
    expect(await bucket.head(key("a"))).toBeUndefined();
  },

  "odd keys are kept as they are": async (bench: Bench) => {
    const names = ["a b+c&d=é%20😀~", "tab\t<>\"'", "\u0001", "%2F", "..a", "-rf", "a~b.json", "*?[x]", "a\\b", "#?"];
    const keys = names.map(bench.key);
    await putAll(bench, keys);
    expect(await keysOf(bench, bench.key(""))).toEqual(keys.toSorted(compareKeys));
    for (const key of keys) expect((await bench.bucket.head(key))?.size).toBe(0);
    const versions = await collect(bench.bucket.listVersions(bench.key("")));
    expect(versions.map(({ key }) => key)).toEqual(keys.toSorted(compareKeys));
  },

  "a key may hold a line break": async (bench: Bench) => {
    await putAll(bench, [bench.key("a\nb")]);
    expect(await keysOf(bench, bench.key(""))).toEqual([bench.key("a\nb")]);
  },

  "a key may be the beginning of another": async (bench: Bench) => {
    const keys = [bench.key("a"), bench.key("a/b")];
    for (const key of keys) await bench.bucket.put(key, bytes(""), { retention: bench.lock() });
    expect(await keysOf(bench, bench.key(""))).toEqual(keys);
  },

  "a key that cannot be is refused": async ({ bucket, lock }: Bench) => {
    for (const key of ["", "a".repeat(1025), "\ud800"])
      expect(await kindOf(bucket.put(key, bytes("x"), { retention: lock() }))).toBe("other");
  },

  "the server's clock is known after an answer": async ({ bucket, key, now }: Bench) => {
    await bucket.head(key("a"));
    const apart = (bucket.serverTime()?.getTime() ?? 0) - now().getTime();
    expect(Math.abs(apart)).toBeLessThan(60_000);
  },
};

export function conformance({ name, absent, open, differs }: Suite): void {
  describe.skipIf(absent)(`bucket contract: ${name}`, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await open();
    });
    afterAll(() => subject.close());
    for (const [index, [title, run]] of Object.entries(cases).entries()) {
      const reason = (differs as Readonly<Record<string, string | undefined>>)[title];
      const runCase = reason === undefined ? test : test.failing;
      const full = reason === undefined ? title : `${title} (differs: ${reason})`;
      runCase(full, () => run(bench(subject, `case-${index}/`)), 60_000);
    }
  });
}

function bench(subject: Subject, prefix: string): Bench {
  // Whole milliseconds are what S3 keeps.
  const lock = (seconds = hour): Retention => ({
    mode: "GOVERNANCE",
    until: new Date(subject.now().getTime() + seconds * 1000),
  });
  return { ...subject, key: (name) => prefix + name, lock };
}
