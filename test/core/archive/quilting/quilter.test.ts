import { describe, expect, test } from "bun:test";
import { appendFileSync, linkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readers } from "../../../../core/archive/quilting/ahead/readers.ts";
import { KnownRows } from "../../../../core/archive/quilting/known-rows.ts";
import type { ContentLayout, LayoutDeps } from "../../../../core/archive/quilting/layouts/layout.ts";
import { ObjectLayout } from "../../../../core/archive/quilting/layouts/objects.ts";
import { PackLayout } from "../../../../core/archive/quilting/layouts/packs.ts";
import { HardLinks } from "../../../../core/archive/quilting/paths/hard-links.ts";
import { OwnFiles } from "../../../../core/archive/quilting/paths/own-files.ts";
import { Quilter, type QuilterDeps } from "../../../../core/archive/quilting/quilter.ts";
import { BitSet } from "../../../../core/archive/state/tables/bit-set.ts";
import { Failure } from "../../../../core/failure.ts";
import { type ByteString, fromText, parentOf } from "../../../../core/format/path.ts";
import { SystemError } from "../../../../core/system/libc.ts";
import { openBeneath } from "../../../support/descriptors.ts";
import { noise } from "../noise.ts";
import { notebook } from "../scripts.ts";
import { StoreBench } from "./layouts/bench.ts";

const layouts: [string, (deps: LayoutDeps) => ContentLayout][] = [
  ["packs", (deps) => new PackLayout(deps, { packSize: 2 ** 24, level: 3 })],
  ["objects", (deps) => new ObjectLayout(deps, { codec: "zstd", level: 3 })],
];

/** Before and after each reading of a file, counted from 1. */
type Acts = { readonly before?: (reading: number) => void; readonly after?: (reading: number) => void };

/** A path and the folders above it, in byte order. */
function withFolders(path: ByteString): ByteString[] {
  return path === "/" ? [path] : [...withFolders(parentOf(path)), path];
}

type Quilted = Pick<QuilterDeps, "ledger" | "layout" | "notify"> & Partial<QuilterDeps>;

/** A store whose end is that of quilting these paths. */
function quiltedBy(deps: Quilted, paths: readonly ByteString[]): ContentLayout {
  const hardLinks = new HardLinks((path) => deps.ledger.files.textsOf(path));
  const quilter = new Quilter({
    ahead: undefined,
    hardLinks,
    rows: new KnownRows(deps.ledger.files, { extents: false }),
    expiring: new BitSet(),
    sameAccounts: true,
    lockBudget: { left: 0 },
    now: () => new Date(Date.now() + 60_000),
    sleep: Bun.sleep,
    counts: { files: 0, new: 0, changed: 0, unchanged: 0, others: 0, bytes: 0 },
    signal: new AbortController().signal,
    pause: () => Promise.resolve(),
    idle: () => false,
    replaced: () => {},
    own: new OwnFiles(),
    ...deps,
  });
  const abandon = () => {
    hardLinks[Symbol.dispose]();
    return quilter.abandon();
  };
  return { ...deps.layout, finish: () => quilter.quilt(paths), abandon };
}

/** Quilts one file of these bytes, to which something happens while it is read. */
async function quilt(
  make: (deps: LayoutDeps) => ContentLayout,
  bytes: Uint8Array,
  acts: (path: string) => Acts,
  clock: Partial<Pick<QuilterDeps, "now">> = {},
) {
  await using bench = await StoreBench.make();
  const path = join(bench.path, "file");
  writeFileSync(path, bytes);
  // Settled: a time long ago, by a clock that is right.
  utimesSync(path, 1, 1);
  const { before, after } = acts(path);
  const { heard, notify } = notebook();
  const counts = { files: 0, new: 0, changed: 0, unchanged: 0, others: 0, bytes: 0 };
  let readings = 0;
  await bench.run(
    (deps) => {
      const inner = make(deps);
      const layout: ContentLayout = {
        add: async (file, regions) => {
          readings += 1;
          before?.(readings);
          const content = await inner.add(file, regions);
          after?.(readings);
          return content;
        },
        finish: () => inner.finish(),
        abandon: () => inner.abandon(),
      };
      return quiltedBy({ ledger: deps.ledger, layout, notify, counts, ...clock }, withFolders(fromText(path)));
    },
    () => Promise.resolve(),
  );
  const row = bench.rows().find((one) => one.path === path);
  const digests = row === undefined ? [] : bench.extents(path).map(([, , , , length, digest]) => ({ length, digest }));
  return {
    heard: heard.map((line) => line.replace(path, "file")),
    readings,
    counts,
    row,
    head: JSON.parse(row?.head ?? "{}"),
    digests,
  };
}

describe.each(layouts)("a file that changes while it is read (%s)", (_, make) => {
  const large = noise(3_000_000);

  test("a file that changes while it is read and then holds still is read twice, without a notice", async () => {
    for (const bytes of [Buffer.from("small"), large]) {
      const { heard, readings, row, head } = await quilt(make, bytes, (path) => ({
        after: (reading) => {
          if (reading === 1) appendFileSync(path, "one more line\n");
        },
      }));
      expect(heard).toEqual([]);
      expect(readings).toBe(2);
      expect(head).toMatchObject({ size: bytes.length + 14 });
      expect(head.w).toBeUndefined();
      expect(row?.fingerprint).toBeDefined();
    }
  });

  test("a file that changes while it is read twice is kept as it was read, with a warning, and is to be read again", async () => {
    for (const bytes of [Buffer.from("small"), large]) {
      const { heard, readings, row, head } = await quilt(make, bytes, (path) => ({
        after: () => appendFileSync(path, "one more line\n"),
      }));
      expect(heard).toEqual([
        'warning changed-while-reading: "file" changed while it was read, twice; the copy may be inconsistent',
      ]);
      expect(readings).toBe(2);
      expect(head).toMatchObject({ size: bytes.length + 14, w: ["changed-while-reading"] });
      expect(row?.fingerprint).toBeUndefined();
    }
  });

  test("a file that changed just before it was looked at is to be read again, however long it took to read it", async () => {
    for (const minutes of [0, 1]) {
      // A change between our look and the end of the reading may be in the tick of its ctime.
      const before = { start: Date.now() + minutes * 60_000, read: false };
      const now = () => new Date(before.read ? before.start + 600_000 : before.start);
      const after = () => {
        before.read = true;
      };
      const { readings, row } = await quilt(make, large, () => ({ after }), { now });
      expect(readings).toBe(1);
      expect(row?.fingerprint?.changedNanoseconds === -1).toBe(minutes === 0);
    }
  });

  test("a change while a file is read is seen though its size and time stay as they are", async () => {
    const { readings, heard } = await quilt(make, Buffer.from("small"), (path) => ({
      after: (reading) => {
        if (reading > 1) return;
        writeFileSync(path, "other");
        utimesSync(path, 1, 1);
      },
    }));
    expect([readings, heard]).toEqual([2, []]);
  });

  test("a file that is cut each time it is read is as long as what could be read, or left out", async () => {
    for (const bytes of [Buffer.alloc(100_000, "x"), large]) {
      const { heard, row, head, digests } = await quilt(make, bytes, (path) => ({
        before: (reading) => truncateSync(path, bytes.length - 50_000 * reading + 7),
      }));
      expect(heard).toHaveLength(1);
      if (row === undefined) {
        expect(heard).toEqual(['warning unreadable: "file" is not in the backup: it changes while it is read']);
        continue;
      }
      expect(head.w).toEqual(["changed-while-reading"]);
      expect(head.size).toBe(bytes.length - 100_000 + 7);
      expect(digests.reduce((sum, { length }) => sum + length, 0)).toBe(head.size);
    }
  });

  test("a file that is emptied while it is read is empty", async () => {
    const { head, digests } = await quilt(make, Buffer.from("small"), (path) => ({
      before: () => truncateSync(path, 0),
    }));
    expect(head.size).toBe(0);
    expect(digests).toEqual([]);
  });
});

test("a first name that cannot be read hands its place on to the next of the file's names", async () => {
  await using bench = await StoreBench.make();
  const paths = ["a", "b", "c"].map((name) => fromText(join(bench.path, name)));
  writeFileSync(join(bench.path, "a"), "content");
  for (const name of ["b", "c"]) linkSync(join(bench.path, "a"), join(bench.path, name));
  const { heard, notify } = notebook();
  await bench.run(
    (deps) => {
      const inner = new PackLayout(deps, { packSize: 2 ** 24, level: 3 });
      const layout: ContentLayout = {
        add: (file, regions) => {
          if (file.path !== paths[0]) return inner.add(file, regions);
          throw new SystemError({ code: "EIO", reason: "input/output error", call: "read" });
        },
        finish: () => inner.finish(),
        abandon: () => inner.abandon(),
      };
      const all = [...withFolders(parentOf(paths[0] ?? fromText(""))), ...paths];
      return quiltedBy({ ...deps, layout, notify }, all);
    },
    () => Promise.resolve(),
  );
  expect(heard).toEqual([`warning unreadable: "${paths[0]}" is not in the backup: read: input/output error`]);
  const files = bench.rows().filter(({ extents }) => extents !== null);
  const heads = files.map(({ head }) => JSON.parse(head));
  expect(heads.map(({ path, id }) => [path, id])).toEqual(paths.slice(1).map((path) => [path, paths[1]]));
});

test("a thread that fails while it reads ends the run with a Failure, and leaves no file open; the next run stores all", async () => {
  await using bench = await StoreBench.make();
  const paths = Array.from({ length: 500 }, (_, number) => fromText(join(bench.path, `${1_000 + number}`)));
  for (const path of paths) writeFileSync(path, `content of ${path}`);
  const all = [...withFolders(fromText(bench.path)), ...paths];
  const { notify } = notebook();
  const descriptors = () => openBeneath(bench.path).length;
  const run = (readers: Readers) =>
    bench.run(
      (deps) => {
        const layout = new PackLayout(deps, { packSize: 2 ** 24, level: 3 });
        const ahead = {
          readers,
          after: 0,
          take: layout.addRead.bind(layout),
          takeSmall: layout.addSmall.bind(layout),
          takeWhole: layout.addWhole.bind(layout),
        };
        return quiltedBy({ ...deps, layout: methodsOf(layout), ahead, notify }, all);
      },
      () => Promise.resolve(),
    );
  const { signal } = new AbortController();
  await run(new Readers({ threads: 2, signal }));
  expect(bench.count("chunks")).toBe(500);
  for (const path of paths) appendFileSync(path, ", changed");

  const before = descriptors();
  const failing = new Readers({ threads: 2, signal });
  // A job without files is none that a thread knows.
  const failed = failing
    .read([])
    .pieces.next()
    .catch(() => {});
  await expect(run(failing)).rejects.toBeInstanceOf(Failure);
  await failed;
  // Threads that have ended close their own a moment later.
  for (const end = Date.now() + 20_000; descriptors() > before && Date.now() < end; ) await Bun.sleep(20);
  expect(descriptors()).toBeLessThanOrEqual(before);

  await run(new Readers({ threads: 2, signal }));
  expect(bench.count("chunks")).toBe(1_000);
});

/** A class has its methods on its prototype, where a spread does not see them. */
function methodsOf(layout: ContentLayout): ContentLayout {
  return {
    add: (file, regions) => layout.add(file, regions),
    finish: () => layout.finish(),
    abandon: () => layout.abandon(),
  };
}
