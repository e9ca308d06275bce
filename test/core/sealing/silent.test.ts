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
  async function* slow() {
    for (let number = 0; number < 4; number += 1) {
      await Bun.sleep(150);
      yield Buffer.alloc(300_000, number);
    }
  }
  let bytes = 0;
  for await (const piece of throughProgram("cat", [], slow(), { silenceMs: 50 })) {
    bytes += piece.length;
    await Bun.sleep(20);
  }
  expect(bytes).toBe(1_200_000);
});
