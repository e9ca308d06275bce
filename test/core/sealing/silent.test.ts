/** A program that seals, and stands still. */
import { expect, test } from "bun:test";
import { once } from "../../../core/stored/bytes.ts";
import { throughProgram } from "../../../core/system/codec-child.ts";

async function* endless() {
  for (;;) yield Buffer.alloc(65_536);
}

test("a filter program that takes its input and gives nothing is ended after its time", async () => {
  const run = () => Array.fromAsync(throughProgram("sleep", ["100"], once(Buffer.from("content")), { silenceMs: 100 }));
  await expect(run()).rejects.toThrow("it did nothing for too long");
});

test("a filter program that neither takes its input nor gives anything is ended after its time", async () => {
  const run = () => Array.fromAsync(throughProgram("sleep", ["100"], endless(), { silenceMs: 100 }));
  await expect(run()).rejects.toThrow("it did nothing for too long");
});

test("a filter program is not ended while it waits for its input, or for somebody to take its output", async () => {
  // Longer than a busy machine keeps `cat` from its work.
  const silenceMs = 2_000;
  const pause = 1.5 * silenceMs;
  async function* slow() {
    yield Buffer.alloc(300_000, 1);
    await Bun.sleep(2 * pause);
    yield Buffer.alloc(300_000, 2);
  }
  let bytes = 0;
  for await (const piece of throughProgram("cat", [], slow(), { silenceMs })) {
    if (bytes === 0) await Bun.sleep(pause);
    bytes += piece.length;
  }
  expect(bytes).toBe(600_000);
});
