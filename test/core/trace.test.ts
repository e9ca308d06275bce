import { expect, test } from "bun:test";
import { isTracing, request, requestOf, startTrace, step, work, workOf } from "../../core/trace.ts";
import { eventsOf, nests, type TraceEvent } from "../support/trace-events.ts";

/** Records what `run` does, on a clock that its argument moves by milliseconds. */
async function recorded(run: (pass: (milliseconds: number) => void) => Promise<unknown>, most?: number) {
  let text = "";
  let time = 5;
  const end = startTrace(
    {
      clock: () => time,
      write: (more) => {
        text += more;
      },
    },
    most,
  );
  try {
    await run((milliseconds) => {
      time += milliseconds;
    });
  } finally {
    end();
  }
  return eventsOf(text);
}

test("without a trace, what is run gives its result, and content is passed on as it is", async () => {
  async function* pieces() {
    yield 1;
  }
  const source = pieces();
  expect(isTracing()).toBe(false);
  expect(await step("s", async () => 1)).toBe(1);
  expect(await work("w", async () => 2)).toBe(2);
  expect(await request("r", {}, async () => 3)).toBe(3);
  expect(requestOf("p", {}, source, () => ({}))).toBe(source);
});

test("steps lie within each other, and spans side by side have lanes of their own", async () => {
  const events = await recorded((pass) =>
    step("outer", async () => {
      await step("inner", async () => pass(3));
      const waits = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const both = waits.map(({ promise }, index) => request("put", { key: `k${index}` }, () => promise));
      pass(10);
      waits[1]?.resolve();
      await both[1];
      pass(10);
      waits[0]?.resolve();
      await both[0];
      // Its lane is free again.
      await request("put", { key: "k2" }, async () => pass(1));
    }),
  );
  const named = (name: string) => events.filter((event) => event.name === name);
  expect(named("outer")).toMatchObject([{ ph: "X", cat: "step", ts: 5_000, dur: 24_000, tid: 0 }]);
  expect(named("inner")).toMatchObject([{ ts: 5_000, dur: 3_000, tid: 0 }]);
  expect(named("put").map(({ dur, tid, args }) => [args?.key, dur, tid])).toEqual([
    ["k1", 10_000, 1001],
    ["k0", 20_000, 1000],
    ["k2", 1_000, 1000],
  ]);
  expect(nests(events)).toBe(true);
});

test("spans that overlap in one lane do not nest", async () => {
  const span = (ts: number, dur: number): TraceEvent => ({ name: "x", ph: "X", ts, dur, pid: 1, tid: 0 });
  expect(nests([span(0, 10), span(5, 10)])).toBe(false);
  expect(nests([span(0, 10), span(5, 5), span(10, 1)])).toBe(true);
});

test("a trace begins with the start of the program, before it was recorded", async () => {
  const events = await recorded(async () => {});
  expect(events.filter(({ ph }) => ph === "X")).toMatchObject([
    { name: "start", cat: "step", ts: 0, dur: 5_000, tid: 0 },
  ]);
});

test("work has in its span what its result says of it", async () => {
  const events = await recorded(async (pass) => {
    const run = async () => {
      pass(1);
      return { decode: 700 };
    };
    expect(await workOf("w", run, (it) => it)).toEqual({ decode: 700 });
  });
  expect(events.find(({ name }) => name === "w")).toMatchObject({ dur: 1_000, args: { decode: 700 } });
});

test("what fails is marked, and its error goes on", async () => {
  const error = new Error("no");
  const events = await recorded(async () => {
    expect(await step("s", () => Promise.reject(error)).catch((it: unknown) => it)).toBe(error);
  });
  expect(events.find(({ name }) => name === "s")).toMatchObject({ args: { failed: true } });
});

test("a download has its bytes and the time in which it was waited for, not the time of its reader", async () => {
  const events = await recorded(async (pass) => {
    async function* pieces() {
      pass(7);
      yield 10;
      pass(1);
      yield 20;
    }
    for await (const _ of requestOf("get", { key: "k" }, pieces(), (bytes) => ({ bytes }))) pass(100);
  });
  expect(events.find(({ name }) => name === "get")).toMatchObject({
    dur: 208_000,
    args: { key: "k", bytes: 30, waited: 8_000 },
  });
});

test("very short work is left out, short steps and requests are not", async () => {
  const events = await recorded(async (pass) => {
    await work("short", async () => pass(0.05));
    await work("long", async () => pass(0.2));
    await step("step", async () => pass(0.05));
    await request("request", {}, async () => pass(0.05));
  });
  expect(events.filter(({ ph }) => ph === "X").map(({ name }) => name)).toEqual(["start", "long", "step", "request"]);
});

test("a trace is bounded, has room for steps, and says how much it leaves out", async () => {
  const events = await recorded(async (pass) => {
    for (let number = 0; number < 50; number++) await request("put", {}, async () => pass(1));
    await step("last", async () => pass(1));
  }, 20);
  expect(events.filter(({ name }) => name === "put")).toHaveLength(20);
  expect(events.filter(({ name }) => name === "last")).toHaveLength(1);
  expect(events.at(-1)).toMatchObject({ name: "30 more spans are left out", ph: "i" });
});
