import { describe, expect, test } from "bun:test";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Budget, eachOf } from "../../core/side-by-side.ts";
import { Spool } from "../../restore/entries/spool.ts";
import { scratch } from "../support/faults/scratch.ts";

describe("work side by side", () => {
  test("never more work is done side by side than asked for, and all of it is done", async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    await eachOf([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      done.push(item);
    });
    expect(most).toBe(3);
    expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("after an error nothing more is begun, and it is thrown when the rest has ended", async () => {
    const begun: number[] = [];
    let ended = false;
    const work = eachOf([1, 2, 3, 4, 5], 2, async (item) => {
      begun.push(item);
      if (item === 1) throw new Error("no");
      await new Promise((resolve) => setTimeout(resolve, 5));
      ended = true;
    });
    await expect(work).rejects.toThrow("no");
    expect(begun).toEqual([1, 2]);
    expect(ended).toBe(true);
  });

  test("memory is given out in order, and more than there is counts as all", async () => {
    const budget = new Budget(10);
    await budget.take(4);
    const order: string[] = [];
    const large = budget.take(100).then(() => order.push("large"));
    const small = budget.take(1).then(() => order.push("small"));
    await Promise.resolve();
    expect(order).toEqual([]);
    budget.give(4);
    await large;
    expect(order).toEqual(["large"]);
    budget.give(100);
    await small;
    expect(order).toEqual(["large", "small"]);
  });
});

describe("the spool", () => {
  test("the spool gives its lines back in reverse, from memory and from its file", async () => {
    await using folder = await scratch();
    const path = join(folder.path, "spool");
    const spool = new Spool(() => openSync(path, "w+"), 20);
    const lines = Array.from({ length: 30 }, (_, number) => `line ${number} ü`);
    for (const line of lines) spool.push(line);
    expect(readFileSync(path).length).toBeGreaterThan(100);
    expect([...spool.backwards()]).toEqual(lines.toReversed());
  });

  test("the spool makes no file for few lines", () => {
    const spool = new Spool(() => {
      throw new Error("a file was asked for");
    });
    spool.push("one");
    spool.push("two");
    expect([...spool.backwards()]).toEqual(["two", "one"]);
  });
});
