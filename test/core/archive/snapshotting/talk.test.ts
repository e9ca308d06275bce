import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { Talk } from "../../../../core/archive/snapshotting/talk.ts";
import { collectGarbage } from "../../../support/garbage.ts";

function talkOf(...pieces: readonly string[]): Talk {
  const talk = new Talk();
  for (const piece of pieces) talk.hear(Buffer.from(piece));
  talk.end();
  return talk;
}

describe("what a snapshotter says", () => {
  test("what a snapshotter says is a description and a restore command", () => {
    const talk = talkOf("all databases\n::restore-through:: psql -d postgres\nin two lines\n");
    expect(talk.description).toBe("all databases\nin two lines");
    expect(talk.restoreThrough).toBe("psql -d postgres");
  });

  test.each([
    ["that is not UTF-8", Buffer.from("::restore-through:: cat > '/srv/caf\xe9'\n", "latin1")],
    ["with a NUL in it", Buffer.from("::restore-through:: cat > a\0b\n")],
  ])("what a snapshotter says is no restore command if it is one %s: no other is made of it", (trouble, bytes) => {
    const talk = new Talk();
    talk.hear(bytes);
    talk.end();
    expect([talk.restoreThrough, talk.commandTrouble]).toEqual([undefined, trouble]);
  });

  test("what a snapshotter says may come in any pieces, and without a last newline", () => {
    const talk = talkOf("a da", "tabase\n::resto", "re-through:: ps", "ql");
    expect(talk.description).toBe("a database");
    expect(talk.restoreThrough).toBe("psql");
  });

  test("what a snapshotter says may be nothing", () => {
    const { description, restoreThrough, commandTrouble } = talkOf("");
    expect({ description, restoreThrough, commandTrouble }).toEqual({
      description: undefined,
      restoreThrough: undefined,
      commandTrouble: undefined,
    });
  });

  test("the last restore command counts, also where it takes back an earlier one", () => {
    expect(talkOf("::restore-through:: a\n::restore-through:: b\n").restoreThrough).toBe("b");
    expect(talkOf("::restore-through:: a\n::restore-through::\n").restoreThrough).toBeUndefined();
  });

  test("the marker counts only at the start of a line", () => {
    expect(talkOf("see ::restore-through:: a\n").restoreThrough).toBeUndefined();
  });

  test("the description is the last 1,000 characters, none of them halved", () => {
    const { description } = talkOf(`${"x\n".repeat(5000)}${"😀".repeat(999)}`);
    expect(description).toBe("😀".repeat(999));
    expect(talkOf("😀".repeat(1500)).description).toBe("😀".repeat(1000));
  });

  test("a command of 64 KiB is whole, a longer one is none", () => {
    const marker = "::restore-through:: ";
    const longest = "a".repeat(64 * 1024 - marker.length);
    expect(talkOf(`${marker}${longest}\n`).restoreThrough).toBe(longest);
    const talk = talkOf(`${marker}${longest}a\n`);
    expect(talk.restoreThrough).toBeUndefined();
    expect(talk.commandTrouble).toBe("longer than 64 KiB");
    expect(talkOf(`${marker}${longest}a\n${marker}b\n`).restoreThrough).toBe("b");
  });

  test("bytes that are not UTF-8 do no harm", () => {
    const talk = new Talk();
    talk.hear(Uint8Array.of(0xff, 0x0a));
    expect(talk.description).toBe("\ufffd");
  });

  test("what a snapshotter says without end takes no memory", () => {
    const talk = new Talk();
    const before = memoryHeld();
    for (let i = 0; i < 100; i += 1) talk.hear(Buffer.alloc(1024 * 1024, 0x61));
    expect(memoryHeld() - before).toBeLessThan(10 * 1024 * 1024);
  });
});

/** Bytes that cannot be collected now. */
function memoryHeld(): number {
  collectGarbage();
  const { heapSize, extraMemorySize } = heapStats();
  return heapSize + extraMemorySize;
}
