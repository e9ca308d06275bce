/** Backups of which most is missing: an unmounted disk, a picker that finds nothing. */
import { describe, expect, test } from "bun:test";
import { mkdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { Shrinkage } from "../../../core/archive/shrinkage.ts";
import { openState, setFact } from "../../../core/archive/state/database.ts";
import { FileTable } from "../../../core/archive/state/tables/files.ts";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { encodeHead } from "../../../core/format/entries/entry-json.ts";
import { fromText } from "../../../core/format/path.ts";
import { folder } from "../../restore/support.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { pruneRig } from "../steward/support.ts";
import { day, Rig } from "./rig.ts";
import { notebook } from "./scripts.ts";

const about = (heard: readonly string[], code: string) =>
  heard.filter((notice) => notice.startsWith(`warning ${code}: `));

async function write(rig: Rig, folder: string, count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) await rig.write(`${folder}/${number}`, `${folder} ${number}`);
}

/** What an unmounted disk looks like: the folder is there, and empty. */
async function unmount(rig: Rig, folder: string): Promise<void> {
  await rename(rig.file(folder), rig.file(`../unmounted-${folder}`));
  await mkdir(rig.file(folder));
}

async function mount(rig: Rig, folder: string): Promise<void> {
  await rm(rig.file(folder), { recursive: true });
  await rename(rig.file(`../unmounted-${folder}`), rig.file(folder));
}

/** Refuses to put the parts of a manifest, or its root. */
const refusing = (what: "parts" | "root") => (bucket: Bucket) =>
  wrapBucket(bucket, {
    put: (key, body, options) => {
      const refused = key.startsWith("manifests/") && key.includes("/parts/") === (what === "parts");
      return refused ? Promise.reject(new Error("not today")) : bucket.put(key, body, options);
    },
  });

describe("a source that is empty today", () => {
  test("a folder that had many entries and is empty is warned of for a month, or until it has some again", async () => {
    await using rig = await Rig.make();
    await write(rig, "data", 30);
    await write(rig, "home", 200);
    await rig.run();
    await unmount(rig, "data");
    const warned = `warning emptied: "${rig.file("data")}" is empty, and had 30 entries before: if it belongs to a disk that is not mounted, mount it and archive again`;
    for (let run = 0; run < 2; run += 1) {
      const { heard } = await rig.run();
      expect([about(heard, "emptied"), about(heard, "shrunken")]).toEqual([[warned], []]);
      rig.ahead += day;
    }
    await mount(rig, "data");
    expect(about((await rig.run()).heard, "emptied")).toEqual([]);
    await unmount(rig, "data");
    expect(about((await rig.run()).heard, "emptied")).toEqual([warned]);
    rig.ahead += 31 * day;
    expect(about((await rig.run()).heard, "emptied")).toEqual([]);
  });

  test("a folder that is removed, or has a few entries less, is as it should be", async () => {
    await using rig = await Rig.make();
    await write(rig, "data/deep", 30);
    await write(rig, "home", 30);
    await write(rig, "few", 10);
    await rig.run();
    await rm(rig.file("data/deep"), { recursive: true });
    await rig.write("data/other", "other");
    await rm(rig.file("home/3"));
    for (let number = 0; number < 10; number += 1) await rm(rig.file(`few/${number}`));
    expect((await rig.run()).heard).toEqual([]);
  });

  test("a backup of less than half of what there was is warned of, until that was so for a month", async () => {
    await using rig = await Rig.make();
    await write(rig, "a", 100);
    await write(rig, "b", 40);
    const { summary } = await rig.run();
    await rm(rig.file("a"), { recursive: true });
    for (let run = 0; run < 2; run += 1) {
      const { heard } = await rig.run();
      expect(about(heard, "shrunken")).toEqual([expect.stringContaining(`and there were ${summary.entries} before`)]);
      rig.ahead += day;
    }
    rig.ahead += 31 * day;
    expect(about((await rig.run()).heard, "shrunken")).toEqual([]);
    expect(about((await rig.run()).heard, "shrunken")).toEqual([]);
  });

  test("a backup of less than half of what there was is warned of also if the one before it is a month old", async () => {
    await using rig = await Rig.make();
    await write(rig, "a", 100);
    await rig.run();
    await rm(rig.file("a"), { recursive: true });
    rig.ahead += 31 * day;
    expect(about((await rig.run()).heard, "shrunken")).toHaveLength(1);
  });
});

test("a folder that was moved, with a link in its place, is not said to be empty", async () => {
  await using rig = await Rig.make();
  await write(rig, "data", 30);
  await rig.run();
  await rename(rig.file("data"), rig.file("../elsewhere"));
  await symlink("../elsewhere", rig.file("data"));
  expect((await rig.run()).heard).toEqual([]);
});

test.each([
  ["few of its files", 1],
  ["all of its files", 30],
])(
  "a folder whose disk is unmounted between picking and storing is warned of, too: %s had changed",
  async (_, count) => {
    await using rig = await Rig.make();
    await write(rig, "data", 30);
    await rig.run();
    for (let number = 0; number < count; number += 1) await rig.write(`data/${number}`, "changed");
    const around = (bucket: Bucket) =>
      wrapBucket(bucket, {
        list: async function* (prefix, options) {
          // Listed once it is known that files are to be read.
          if (prefix.startsWith("verified/")) await unmount(rig, "data");
          yield* bucket.list(prefix, options);
        },
      });
    for (const options of [{ around }, {}]) {
      expect(about((await rig.run(options)).heard, "emptied")).toEqual([expect.stringContaining("had 30 entries")]);
    }
  },
);

test("the folders that had most are warned of if very many are empty, in this backup and in the next", async () => {
  await using above = await scratch();
  using database = openState(join(above.path, "state"), "file:///bucket");
  setFact(database, "completed", new Date(0).toISOString());
  const files = new FileTable(database);
  const named = (run: number, number: number) => fromText(`/${run}-${100 + number}`);
  for (let run = 0; run < 2; run += 1) {
    const shrinkage = new Shrinkage(database, new Date(run));
    for (let number = 0; number < 110; number += 1) {
      const path = named(run, number);
      files.set({ path, fingerprint: undefined, head: encodeHead(folder(path).head), extents: null, bytes: 0 });
      for (let entry = 0; entry < 20 + number; entry += 1) shrinkage.gone(fromText(`${path}/${100 + entry}`));
    }
    shrinkage.noteGone();
    const { heard, notify } = notebook();
    shrinkage.report([], notify);
    shrinkage.noteReported();
    expect(heard).toHaveLength(100);
    for (let of = 0; of <= run; of += 1)
      expect(heard).toContainEqual(expect.stringContaining(`"${named(of, 109)}" is empty, and had 129 entries`));
  }
});

describe("runs that put no root", () => {
  test("a first backup is not compared with what runs before it have stored that put no root", async () => {
    await using rig = await Rig.make();
    await write(rig, "a", 100);
    await write(rig, "data", 30);
    await expect(rig.run({ around: refusing("root") })).rejects.toThrow("not today");
    await rm(rig.file("a"), { recursive: true });
    await unmount(rig, "data");
    expect((await rig.run()).heard).toEqual([]);
  });

  test("a later backup is not compared with what a run has stored that put no root", async () => {
    await using rig = await Rig.make();
    await write(rig, "home", 100);
    await rig.run();
    await write(rig, "cache", 150);
    await expect(rig.run({ around: refusing("root") })).rejects.toThrow("not today");
    await rm(rig.file("cache"), { recursive: true });
    expect((await rig.run()).heard).toEqual([]);
  });

  test("a folder that is empty is warned of also if the run that noticed it ended before it could say so, a month ago", async () => {
    await using rig = await Rig.make();
    await write(rig, "data", 30);
    await rig.run();
    await unmount(rig, "data");
    await rig.write("new", "new");
    await expect(rig.run({ around: refusing("parts") })).rejects.toThrow("not today");
    rig.ahead += 31 * day;
    expect(about((await rig.run()).heard, "emptied")).toHaveLength(1);
    await expect(rig.run({ around: refusing("root") })).rejects.toThrow("not today");
    rig.ahead += 31 * day;
    expect(about((await rig.run()).heard, "emptied")).toEqual([]);
  });

  test("a folder that came back in a run that put no root, and is empty again, is warned of once", async () => {
    await using rig = await Rig.make();
    await write(rig, "data", 30);
    await rig.run();
    await unmount(rig, "data");
    await rig.run();
    await mount(rig, "data");
    await expect(rig.run({ around: refusing("parts") })).rejects.toThrow("not today");
    await unmount(rig, "data");
    for (let run = 0; run < 2; run += 1) expect(about((await rig.run()).heard, "emptied")).toHaveLength(1);
  });
});

describe("a prune after backups with something missing", () => {
  test("a prune keeps the last complete backup, although the rules keep only later ones with something missing", async () => {
    await using rig = await Rig.make();
    await write(rig, "data", 30);
    const complete = await rig.run();
    rig.ahead += day;
    await rig.write("late", "late");
    const last = await rig.run();
    await unmount(rig, "data");
    for (let run = 0; run < 3; run += 1) {
      rig.ahead += day;
      await rig.run();
    }
    rig.ahead += 60 * day;
    const { backups } = await pruneRig(rig, { last: 2 });
    expect(backups.map(({ key, reasons }) => [key, reasons])).toEqual([
      [expect.any(String), ["last"]],
      [expect.any(String), ["last"]],
      [expect.any(String), []],
      [last.summary.key, ["last complete"]],
      [complete.summary.key, []],
    ]);
    expect(backups.map(({ fate }) => fate)).toEqual(["kept", "kept", "removed", "kept", "removed"]);
    await mount(rig, "data");
    await rig.run();
    rig.ahead += 60 * day;
    const again = await pruneRig(rig, { last: 2 });
    expect(again.backups.map(({ reasons }) => reasons)).toEqual([["last"], ["last"], [], []]);
  });
});
