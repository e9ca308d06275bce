/** Parts whose files wait for their content. */
import { describe, expect, test } from "bun:test";
import { fromText } from "../../core/format/path.ts";
import { PartsAhead, type PartWork } from "../../restore/parts-ahead.ts";

const part = (path: string, files: number) => ({ first: fromText(path), files });
const usual = 4_000;

const nothing = async () => {};
const fetching = (fetch: PartWork["fetch"]): PartWork => ({ fetch, finish: nothing });

describe("parts that are read ahead", () => {
  test("a part is fetched from when the one before begins its last read, and finished after it", async () => {
    const parts = new PartsAhead();
    const events: string[] = [];
    const ends = { a: Promise.withResolvers<void>(), b: Promise.withResolvers<void>() };
    const lastReads = { a: () => {}, b: () => {} };
    const work = (name: "a" | "b"): PartWork => ({
      fetch: async (begun) => {
        events.push(`fetch ${name}`);
        lastReads[name] = begun;
        await ends[name].promise;
      },
      finish: async () => void events.push(`finish ${name}`),
    });
    await parts.add(part("/a", 1), work("a"));
    await parts.add(part("/b", 1), work("b"));
    expect(events).toEqual(["fetch a"]);
    lastReads.a();
    await Bun.sleep(1);
    expect(events).toEqual(["fetch a", "fetch b"]);
    ends.b.resolve();
    await Bun.sleep(1);
    expect(events).toEqual(["fetch a", "fetch b"]);
    expect(parts.first).toBe(fromText("/a"));
    ends.a.resolve();
    await parts.settle();
    expect(events).toEqual(["fetch a", "fetch b", "finish a", "finish b"]);
    expect(parts.first).toBeUndefined();
  });

  test("no more than two parts are fetched at a time, even if the second has begun its last read", async () => {
    const parts = new PartsAhead();
    const first = Promise.withResolvers<void>();
    const fetched: string[] = [];
    const work = (name: string, end: Promise<void>) =>
      fetching(async (begun) => {
        fetched.push(name);
        begun();
        await end;
      });
    await parts.add(part("/a", 1), work("a", first.promise));
    await parts.add(part("/b", 1), work("b", Promise.resolve()));
    await parts.add(part("/c", 1), work("c", Promise.resolve()));
    await Bun.sleep(1);
    expect(fetched).toEqual(["a", "b"]);
    first.resolve();
    await parts.settle();
    expect(fetched).toEqual(["a", "b", "c"]);
  });

  test("a part that says nothing of its last read lets the next one begin when it is fetched", async () => {
    const parts = new PartsAhead();
    const events: string[] = [];
    const work = (name: string) =>
      fetching(async () => {
        events.push(`begin ${name}`);
        await Bun.sleep(1);
        events.push(`end ${name}`);
      });
    await parts.add(part("/a", 1), work("a"));
    await parts.add(part("/b", 1), work("b"));
    await parts.settle();
    expect(events).toEqual(["begin a", "end a", "begin b", "end b"]);
  });

  test("another part is read only when few files wait", async () => {
    const parts = new PartsAhead();
    const first = Promise.withResolvers<void>();
    await parts.add(
      part("/a", usual),
      fetching(() => first.promise),
    );
    await parts.add(part("/b", usual), fetching(nothing));
    await parts.add(part("/c", usual), fetching(nothing));
    let isRead = false;
    const fourth = parts.add(part("/d", usual), fetching(nothing)).then(() => {
      isRead = true;
    });
    await Bun.sleep(5);
    expect(isRead).toBe(false);
    first.resolve();
    await fourth;
    await parts.settle();
  });

  test("an error of a part ends the next one that is added, and nothing behind it is written", async () => {
    const parts = new PartsAhead();
    const written: string[] = [];
    const write = async () => void written.push("written");
    await parts.add(part("/a", 1), { fetch: () => Promise.reject(new Error("full")), finish: write });
    await expect(parts.settle()).rejects.toThrow("full");
    await expect(parts.add(part("/b", 1), { fetch: write, finish: write })).rejects.toThrow("full");
    await parts.abandon();
    expect(written).toEqual([]);
  });

  test("after an error elsewhere, the part that is being fetched is waited for, and no other is begun", async () => {
    const parts = new PartsAhead();
    const written: string[] = [];
    await parts.add(
      part("/a", 1),
      fetching(async () => {
        await Bun.sleep(5);
        written.push("a");
      }),
    );
    await parts.add(
      part("/b", 1),
      fetching(async () => void written.push("b")),
    );
    await parts.abandon();
    expect(written).toEqual(["a"]);
  });
});
