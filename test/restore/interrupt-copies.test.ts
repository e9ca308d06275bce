/** An interrupt while very many files with the same content are written. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import type { Extent } from "../../core/format/entries/entry.ts";
import { writersFor } from "../../restore/fetching/writers.ts";
import { attack } from "../support/attack.ts";
import { type Backup, Fixture, file, folder, type Item } from "./support.ts";

const MiB = 1024 * 1024;
const copies = 1000;

/** Files that all have the chunk of the first: a GiB out of an object of some bytes. */
function sameContent(): Item[] {
  let shared: readonly Extent[] = [];
  const first = file("/copies/0", [Buffer.alloc(MiB)], { forge: (extents) => (shared = extents) });
  const others = Array.from({ length: copies }, (_, number) => ({
    ...first,
    head: { ...first.head, path: file(`/copies/${number + 1}`, "").head.path },
    chunks: [],
    forge: () => shared,
  }));
  return [folder("/"), folder("/copies"), first, ...others];
}

describe("an interrupt", () => {
  test.each([
    ["empty files", (path: string) => file(path, "")],
    ["names of a file", (path: string) => file(path, "one", { hardLink: "/copies/0" })],
  ])(
    "a restore of very many %s ends soon after an interrupt",
    async (_, make) => {
      await using fixture = await Fixture.open();
      const items = Array.from({ length: 4 * copies }, (_, number) => make(`/copies/${number}`));
      const backup = await fixture.backup([folder("/"), folder("/copies"), ...items], { perPart: 8 * copies });
      await expectInterrupted(fixture, backup, 2, copies * 3);
    },
    30_000,
  );

  for (const [variant, threads] of [
    ["threads write", 2],
    ["no threads", 0],
  ] as const) {
    attack(
      {
        by: "W",
        what: "a small frame is the content of very many files, and the restore is interrupted",
        before: "the restore wrote them all before it ended: hours, if it is forged so",
        now: "it ends after some tens of MiB, and nothing half-written is left",
      },
      async () => {
        await using fixture = await Fixture.open();
        const backup = await fixture.backup(sameContent(), { perPart: 2 * copies });
        await expectInterrupted(fixture, backup, threads, copies / 4);
      },
      { variant, timeout: 30_000 },
    );
  }
});

/** Interrupts a restore when it has written something. Expects that it wrote fewer than `most` files, all whole. */
async function expectInterrupted(fixture: Fixture, backup: Backup, threads: number, most: number): Promise<void> {
  const folder = fixture.at("/copies");
  const written = () => readdirSync(folder).filter((name) => !name.startsWith(".")).length;
  mkdirSync(folder, { recursive: true });
  const interrupt = new AbortController();
  const timer = setInterval(() => written() > 0 && interrupt.abort(new Error("interrupted")), 1);
  const writers = { ...writersFor(2), threads, framesBefore: 0 };
  const restore = fixture.restore(backup, { writers, signal: interrupt.signal });
  try {
    await expect(restore).rejects.toThrow("interrupted");
  } finally {
    clearInterval(timer);
  }
  expect(written()).toBeGreaterThan(0);
  expect(written()).toBeLessThan(most);
  expect(readdirSync(fixture.target)).toEqual(["copies"]);
  expect(readdirSync(folder).length).toBe(written());
}
