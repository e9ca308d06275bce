/** Programs that seal, and stand still, or do not end, or leave others behind. */
import { expect, test } from "bun:test";
import { once } from "../../../core/stored/bytes.ts";
import { throughProgram } from "../../../core/system/processes/codec-child.ts";

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

const shell = (script: string, patience: { silenceMs?: number; encodes?: boolean } = {}) =>
  Array.fromAsync(throughProgram("sh", ["-c", script], once(Buffer.from("content")), patience));

test("a filter program that closes its output and goes on is ended after its time, and has failed", async () => {
  await expect(shell("cat; exec >&- 2>&-; sleep 100", { silenceMs: 300 })).rejects.toThrow("was ended by SIGTERM");
});

test.each([
  ["encodes", true],
  ["decodes", false],
])("a filter program that %s, takes and gives all, and ends with a failure has failed", async (_, encodes) => {
  await expect(shell("cat; exit 3", { encodes })).rejects.toThrow("sh exited with status 3");
});

test("a filter program that leaves a process behind which writes errors for ever has done its work", async () => {
  const began = performance.now();
  expect(Buffer.concat(await shell("(yes oops >&2 &); cat")).toString()).toBe("content");
  expect(performance.now() - began).toBeLessThan(30_000);
});

test("a filter program that leaves a process behind which holds its output open in silence has failed", async () => {
  await expect(shell("cat; sleep 100 &")).rejects.toThrow("keeps its output open in silence");
}, 60_000);

test("a filter program that is to take all of its input, and ends well before, has failed", async () => {
  const large = () => once(Buffer.alloc(8_000_000));
  const run = (encodes: boolean) =>
    Array.fromAsync(throughProgram("head", ["-c", "100"], large(), { encodes })).then(Buffer.concat);
  await expect(run(true)).rejects.toThrow("it ended well without taking all of its input");
  expect(await run(false)).toHaveLength(100);
});

/** Two pieces, and half a second between them and before the end. */
async function* slowly() {
  yield Buffer.alloc(1_000, 1);
  await Bun.sleep(500);
  yield Buffer.alloc(1_000, 2);
  await Bun.sleep(500);
}

const early: readonly (readonly [name: string, script: string, content: () => AsyncIterable<Uint8Array>])[] = [
  ["the last of it is still in the pipe", "dd bs=1 count=500", () => once(Buffer.alloc(100_000))],
  ["some of it has not come yet", "dd bs=1000 count=1", slowly],
  ["all of it has come, but not its end", "dd bs=1000 count=2", slowly],
  [
    "its input was closed before its output",
    "dd bs=1 count=500; exec <&-; echo more",
    () => once(Buffer.alloc(100_000)),
  ],
];
test.each(early)(
  "a filter program that is to take all of its input, and ends well when %s, has failed",
  async (_, script, content) => {
    const run = (encodes: boolean) => Array.fromAsync(throughProgram("sh", ["-c", script], content(), { encodes }));
    await expect(run(true)).rejects.toThrow("it ended well without taking all of its input");
    expect((await run(false)).length).toBeGreaterThan(0);
  },
);

test("a filter program that leaves a process behind which keeps its input open, and reads nothing of it, is not waited for", async () => {
  const script = "exec 3<&0; sleep 20 <&3 3<&- >/dev/null 2>&1 & echo $!; exec head -c 100";
  const began = performance.now();
  const pieces = await Array.fromAsync(throughProgram("sh", ["-c", script], once(Buffer.alloc(8_000_000))));
  expect(performance.now() - began).toBeLessThan(15_000);
  process.kill(Number.parseInt(Buffer.concat(pieces).toString(), 10), "SIGKILL");
});

test.each([
  ["cat > /dev/null", "it ended well, and nothing came out"],
  ["cat /dev/zero", "bytes for 7"],
])("a filter program that is to encode has failed after %s", async (script, why) => {
  await expect(shell(script, { encodes: true })).rejects.toThrow(why);
});

test("a filter program that gives what it gets, of a piece of many MiB, has not failed", async () => {
  const large = Buffer.alloc(40_000_000, 7);
  const pieces = await Array.fromAsync(throughProgram("cat", [], once(large), { encodes: true }));
  expect(Buffer.concat(pieces).equals(large)).toBe(true);
});

test("a filter program has pipes of a MiB", async () => {
  const script = "import fcntl; print(fcntl.fcntl(0, 1032), fcntl.fcntl(1, 1032))";
  const sizes = await Array.fromAsync(throughProgram("python3", ["-c", script], once(Buffer.from("content"))));
  expect(Buffer.concat(sizes).toString()).toBe("1048576 1048576\n");
});
