import { beforeEach, describe, expect, test } from "bun:test";
import { threadEnded, Workers } from "../../../../core/system/threads/workers.ts";

const ends: string[] = [];
const threads = (count: number, module = "test/core/system/threads/ending-thread.ts") =>
  new Workers<number, number>({ count, module, onEnd: (why) => ends.push(why) });

beforeEach(() => {
  ends.length = 0;
});

describe("threads that carry out orders", () => {
  test("each order gets its own answer, on one thread and on several", async () => {
    for (const count of [1, 3]) {
      const workers = threads(count);
      const orders = Array.from({ length: 50 }, (_, number) => number + 1);
      expect(await Promise.all(orders.map((order) => workers.carryOut(order, [])))).toEqual(
        orders.map((order) => 2 * order),
      );
      workers.close();
    }
  });

  test("orders of a thread that ends are refused when it has ended, and those of the others go on", async () => {
    const workers = threads(2);
    const [bad, good, behindBad] = [-1, 21, 5].map((order) => workers.carryOut(order, []));
    expect(await bad).toBe(threadEnded);
    expect(await good).toBe(42);
    expect(await behindBad).toBe(threadEnded);
    expect(workers.isUsable).toBe(true);
    expect(await workers.carryOut(4, [])).toBe(8);
    workers.close();
  });

  test("when all threads have ended, orders are refused at once", async () => {
    const workers = threads(1);
    const [bad, behindBad] = [-1, 1].map((order) => workers.carryOut(order, []));
    expect(await bad).toBe(threadEnded);
    expect(await behindBad).toBe(threadEnded);
    expect(workers.isUsable).toBe(false);
    expect(await workers.carryOut(1, [])).toBe(threadEnded);
    expect(ends).toEqual(["no negative numbers"]);
    workers.close();
  });

  test("a module that is not there refuses orders", async () => {
    const workers = threads(1, "test/core/system/no-such-thread.ts");
    expect(await workers.carryOut(1, [])).toBe(threadEnded);
    expect(workers.isUsable).toBe(false);
    workers.close();
  });
});
