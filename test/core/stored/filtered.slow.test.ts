/** What filters make of content that lies in the same memory as their result. */
import { describe, expect, test } from "bun:test";
import type { ByteStream } from "../../../core/format/codecs/zlib.ts";
import { gatherFiltered, once } from "../../../core/stored/bytes.ts";
import { throughProgram } from "../../../core/system/processes/codec-child.ts";
import { noise } from "../../restore/support.ts";

const plain = noise(5_000_001);
const sh = (command: string) => (content: ByteStream) => throughProgram("sh", ["-c", command], content);
const key = `-K ${"ab".repeat(32)} -iv ${"cd".repeat(16)}`;

async function* inHex(content: ByteStream): AsyncGenerator<Uint8Array> {
  for await (const piece of content) yield Buffer.from(Buffer.from(piece).toString("hex"));
}

/** Keeps what it gets until it has all, as no filter may that gets pieces of a buffer, but that copies them. */
async function* late(content: ByteStream): AsyncGenerator<Uint8Array> {
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(Buffer.from(piece));
  yield* pieces;
}

const filters: Record<string, (content: ByteStream) => ByteStream> = {
  "gives what it gets, at once": (content) => content,
  "gives twice as much": inHex,
  "gives all at the end": late,
  "is a program that gives as much": sh(`openssl enc -aes-256-ctr ${key}`),
  "is a program that gives a third more": sh("base64 -w 0"),
  "is a program that is late": sh(`sleep 0.2; openssl enc -aes-256-ctr ${key} | (sleep 0.2; cat)`),
  "is a program that gives something first": sh("head -c 100000 /dev/zero; cat"),
};

describe("content in the memory of what is made of it", () => {
  test.each(Object.entries(filters))("a filter that %s makes the same as of content elsewhere", async (_, filter) => {
    const expected = Bun.SHA256.hash(Buffer.concat(await Array.fromAsync(filter(once(plain)))));
    for (const before of [0, 7, 1_000, 300_000]) {
      const memory = Buffer.allocUnsafeSlow(plain.length + before);
      memory.set(plain, before);
      const made = await gatherFiltered(filter, memory.subarray(before), memory);
      expect(Bun.SHA256.hash(made)).toEqual(expected);
    }
    const made = await gatherFiltered(filter, plain, Buffer.allocUnsafeSlow(plain.length + 1_000));
    expect(Bun.SHA256.hash(made)).toEqual(expected);
  });

  test("what a filter makes of it overwrites it, so that it takes no more memory", async () => {
    const before = 300_000;
    const memory = Buffer.allocUnsafeSlow(plain.length + before);
    memory.set(plain, before);
    const made = await gatherFiltered(sh(`openssl enc -aes-256-ctr ${key}`), memory.subarray(before), memory);
    expect(made.buffer).toBe(memory.buffer);
  });
});
