import { expect, test } from "bun:test";
import { SilenceLimit } from "../../../../core/archive/executables/silence.ts";

const piece = Uint8Array.of(1);

async function* every(milliseconds: number, pieces: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < pieces; i += 1) {
    await Bun.sleep(milliseconds);
    yield piece;
  }
}

/** Reads a stream, waiting that long with each piece in hand. Tells whether the limit was broken until the end. */
async function readSlowly(limitMs: number, stream: AsyncIterable<Uint8Array>, holdMs: number): Promise<boolean> {
  let broken = false;
  const limit = new SilenceLimit(limitMs, () => {
    broken = true;
  });
  for await (const _piece of limit.watch(stream)) await Bun.sleep(holdMs);
  limit.end();
  expect(limit.broken).toBe(broken);
  return broken;
}

test("a stream that keeps coming is not silent, however long it takes", async () => {
  expect(await readSlowly(200, every(20, 20), 0)).toBe(false);
});

test("a pause that is too long is silence", async () => {
  expect(await readSlowly(30, every(200, 1), 0)).toBe(true);
});

test("the time that its reader takes does not count", async () => {
  expect(await readSlowly(50, every(0, 3), 150)).toBe(false);
});

test("a stream that was read to its end leaves the rest of the run to be waited for", async () => {
  let broken = false;
  const limit = new SilenceLimit(30, () => {
    broken = true;
  });
  for await (const _piece of limit.watch(every(0, 1)));
  await Bun.sleep(150);
  expect(broken).toBe(true);
});

test("output on one of two streams is output", async () => {
  const limit = new SilenceLimit(300, () => {});
  const read = async (stream: AsyncIterable<Uint8Array>) => {
    for await (const _piece of limit.watch(stream));
  };
  await Promise.all([read(every(50, 12)), read(every(550, 1))]);
  limit.end();
  expect(limit.broken).toBe(false);
});

test("nothing happens after the end", async () => {
  let broken = false;
  const limit = new SilenceLimit(20, () => {
    broken = true;
  });
  limit.end();
  await Bun.sleep(60);
  expect(broken).toBe(false);
});
