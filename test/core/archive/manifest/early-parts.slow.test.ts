import { describe, expect, test } from "bun:test";
import type { EarlyParts } from "../../../../core/archive/manifest/early-parts.ts";
import { encodeSegmentHead, segmentPath } from "../../../../core/format/entries/segment.ts";
import type { ByteString } from "../../../../core/format/path.ts";
import { numbered, PartBench } from "./part-bench.ts";

const behindAll = "/g";

type Ahead = { readonly ahead: EarlyParts; readonly put: readonly string[] };

/** Has rows before `until` taken until so many parts in all are put. */
async function advance({ ahead, put }: Ahead, parts: number, until = behindAll): Promise<void> {
  for (const end = Date.now() + 20_000; put.length < parts && Date.now() < end; )
    if (!ahead.advance(until)) await Bun.sleep(1);
  expect(put.length).toBe(parts);
}

/** What is written of these rows, if nothing was before. */
async function atOnce(paths: readonly ByteString[]) {
  await using bench = await PartBench.make();
  bench.add(paths, bench.object("packs/a"));
  return (await bench.write()).put;
}

describe("parts that are written while files are read", () => {
  test("parts that are written ahead are the first of those that are written at the end, also after a kill", async () => {
    await using bench = await PartBench.make();
    const object = bench.object("packs/a");
    const paths = numbered(40_000);
    const writing = bench.ahead();
    bench.add(paths.slice(0, 20_000), object, undefined, writing.files);
    await advance(writing, 1, paths[19_000]);
    bench.add(paths.slice(20_000), object, undefined, writing.files);
    await advance(writing, 2);
    await writing.ahead.end();
    const { parts, put } = await bench.write();
    expect(put.length).toBeGreaterThan(0);
    expect([...writing.put, ...put]).toEqual(await atOnce(paths));
    expect(parts.map(({ key }) => key)).toEqual([...writing.put, ...put]);
    expect((await bench.write()).put).toEqual([]);
  });

  test("a row that is written behind a part that was written ahead, or is being put, is in the backup", async () => {
    for (const isPut of [true, false]) {
      await using bench = await PartBench.make();
      const object = bench.object("packs/a");
      const paths = numbered(17_000);
      const late = "/folder/000100-late" as ByteString;
      const writing = bench.ahead(async () => {
        if (!isPut) bench.add([late], object, undefined, writing.files);
      });
      bench.add(paths, object, undefined, writing.files);
      await advance(writing, 1);
      await writing.ahead.end();
      if (isPut) bench.add([late], object, undefined, writing.files);
      const { parts } = await bench.write();
      const found: ByteString[] = [];
      for (const part of parts) for (const { path } of (await bench.read(part)).entries) found.push(path);
      expect(found).toEqual([...paths, late].sort());
    }
  });

  test("no part is written ahead of a segment, whose file may not be there yet, or of a row that readers would refuse", async () => {
    for (const kind of ["segment", "refused"]) {
      await using bench = await PartBench.make();
      const paths = numbered(17_000);
      const [first = "/" as ByteString] = paths;
      bench.add(paths, bench.object("packs/a"));
      const { ahead, files, put } = bench.ahead();
      const path = segmentPath(first, 0);
      const head = encodeSegmentHead({ path, size: 10, holes: [] });
      const extents = files.get(first)?.extents ?? null;
      if (kind === "segment") files.set({ path, fingerprint: undefined, head, extents, bytes: 0 });
      else bench.spoil([first]);
      while (ahead.advance(behindAll));
      await ahead.end();
      expect([put, bench.heard, bench.has(first), bench.has(path)]).toEqual([[], [], true, kind === "segment"]);
      const { parts } = await bench.write();
      const entries = parts.reduce((sum, part) => sum + part.entries, 0);
      expect(entries).toBe(kind === "segment" ? paths.length : paths.length - 1);
    }
  });

  test("a part is not kept if the rows that it was made of are lost while it is put: a full disk ends the transaction", async () => {
    await using bench = await PartBench.make();
    const object = bench.object("packs/a");
    const paths = numbered(17_000);
    const isFull = Promise.withResolvers<void>();
    const writing = bench.ahead(() => isFull.promise);
    bench.add(paths, object, undefined, writing.files);
    await advance(writing, 1);
    const empty = bench.fillDisk();
    const more = Array.from({ length: 1_000 }, (_, number) => `/more/${number}` as ByteString);
    expect(() => {
      for (const path of more) writing.files.set({ path, fingerprint: undefined, head: "{}", extents: null, bytes: 0 });
    }).toThrow("full");
    empty();
    isFull.resolve();
    await writing.ahead.end();
    expect(bench.has(paths[0])).toBe(false);
    // As after the next run, for which these files are gone.
    expect((await bench.write()).parts).toEqual([]);
  });

  test("a part that cannot be put ahead ends the run with its error, and the next run writes it", async () => {
    await using bench = await PartBench.make();
    const paths = numbered(17_000);
    bench.add(paths, bench.object("packs/a"));
    const writing = bench.ahead(() => Promise.reject(new Error("the put fails")));
    await advance(writing, 1);
    await expect(writing.ahead.end()).rejects.toThrow("the put fails");
    expect((await bench.write()).put).toEqual(await atOnce(paths));
  });
});
