/** Parts whose files wait for their content. */
import { describe, expect, test } from "bun:test";
import { fromText } from "../../core/format/path.ts";
import { PartsAhead } from "../../restore/parts-ahead.ts";

const part = (path: string, files: number) => ({ first: fromText(path), files });
const usual = 8_000;

describe("parts that are read ahead", () => {
  test("parts are written in order, one at a time", async () => {
    const parts = new PartsAhead();
    const events: string[] = [];
    const write = (name: string) => async () => {
      events.push(`begin ${name}`);
      await Bun.sleep(1);
      events.push(`end ${name}`);
    };
    await parts.add(part("/a", 1), write("a"));
    await parts.add(part("/b", 1), write("b"));
    expect(parts.first).toBe(fromText("/a"));
    await parts.settle();
    expect(events).toEqual(["begin a", "end a", "begin b", "end b"]);
    expect(parts.first).toBeUndefined();
  });

  test("another part is read only when few files wait", async () => {
    const parts = new PartsAhead();
    const first = Promise.withResolvers<void>();
    await parts.add(part("/a", usual), () => first.promise);
    await parts.add(part("/b", usual), async () => {});
    await parts.add(part("/c", usual), async () => {});
    let isRead = false;
    const fourth = parts
      .add(part("/d", usual), async () => {})
      .then(() => {
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
    await parts.add(part("/a", 1), () => Promise.reject(new Error("full")));
    await expect(parts.settle()).rejects.toThrow("full");
    await expect(parts.add(part("/b", 1), async () => void written.push("b"))).rejects.toThrow("full");
    await parts.abandon();
    expect(written).toEqual([]);
  });

  test("after an error elsewhere, the part that is being written is waited for, and no other is begun", async () => {
    const parts = new PartsAhead();
    const written: string[] = [];
    await parts.add(part("/a", 1), async () => {
      await Bun.sleep(5);
      written.push("a");
    });
    await parts.add(part("/b", 1), async () => void written.push("b"));
    // The first one is begun in the next turn.
    await Bun.sleep(1);
    await parts.abandon();
    expect(written).toEqual(["a"]);
  });
});
