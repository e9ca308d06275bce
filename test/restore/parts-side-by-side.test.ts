/** Content of consecutive parts, as it is read from the bucket. */
import { expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { fromText } from "../../core/format/path.ts";
import { mostReads } from "../../restore/fetching/fetch.ts";
import { exitOf } from "../../restore/restore.ts";
import { type Backup, Fixture, file, folder, noise } from "./support.ts";

/** Milliseconds that each read takes: time for one that should wait to be asked for. */
const slow = 50;

/** Restores through slow reads. Returns which objects were asked for, in order, and how many reads went on at a time at most. */
async function restoreSlowly(fixture: Fixture, backup: Backup, paths: readonly string[] = []) {
  const asked: number[] = [];
  let underWay = 0;
  let most = 0;
  const figures = await fixture.restore(backup, {
    paths: paths.map(fromText),
    bucket: {
      async *get(key, options) {
        const number = backup.objects.findIndex((object) => object.key === key);
        if (number < 0) return yield* fixture.bucket.get(key, options);
        asked.push(number);
        underWay += 1;
        most = Math.max(most, underWay);
        try {
          await Bun.sleep(slow);
          yield* fixture.bucket.get(key, options);
        } finally {
          underWay -= 1;
        }
      },
    },
  });
  expect([exitOf(figures), fixture.complaints]).toEqual([0, []]);
  return { asked, most };
}

test("content of a part is asked for while the last read of the one before goes on, and later names wait for their first", async () => {
  await using fixture = await Fixture.open();
  const items = [
    folder("/"),
    file("/a", "one", { hardLink: "/a" }),
    file("/b", "two"),
    file("/c", "one", { hardLink: "/a" }),
  ];
  const backup = await fixture.backup(items, { perPart: 2 });
  const packs = new Set(backup.objects.map(({ key }) => key));
  const isSecondAsked = Promise.withResolvers<void>();
  const events: string[] = [];
  const figures = await fixture.restore(backup, {
    bucket: {
      async *get(key, options) {
        if (packs.delete(key)) {
          events.push("asked");
          if (packs.size === 0) isSecondAsked.resolve();
          await isSecondAsked.promise;
          events.push("read");
        }
        yield* fixture.bucket.get(key, options);
      },
    },
  });
  expect(exitOf(figures)).toBe(0);
  expect(events).toEqual(["asked", "asked", "read", "read"]);
  expect(await fixture.read("/b")).toBe("two");
  expect((await stat(fixture.at("/c"))).ino).toBe((await stat(fixture.at("/a"))).ino);
}, 20_000);

test("two parts that are read side by side share the reads that one may have", async () => {
  await using fixture = await Fixture.open();
  // One more than go on at a time: while the last one goes on, the next part begins.
  const reads = mostReads + 1;
  // Between what is restored lies more than one read would bridge.
  const between = 600 * 1024;
  const part = (name: string) =>
    Array.from({ length: 2 * reads }, (_, number) =>
      file(`/${name}${number}`, number % 2 === 0 ? `${name} ${number}` : noise(between)),
    );
  const backup = await fixture.backup([...part("a"), ...part("b")], { perPart: 2 * reads, perFrame: 1 });
  const small = ["a", "b"].flatMap((name) => Array.from({ length: reads }, (_, number) => `/${name}${2 * number}`));
  const { asked, most } = await restoreSlowly(fixture, backup, small);
  expect([asked.length, most]).toEqual([2 * reads, mostReads]);
});

test("the next part waits until the last group of files before it is being read", async () => {
  await using fixture = await Fixture.open();
  // More files of several frames than may be open at a time.
  const items = Array.from({ length: 129 }, (_, number) =>
    file(`/a${number}`, [Buffer.from(`${number} one`), Buffer.from(`${number} two`)]),
  );
  const backup = await fixture.backup([...items, file("/b", "b")], { perPart: items.length, perFrame: 1 });
  expect((await restoreSlowly(fixture, backup)).asked).toEqual([0, 0, 1]);
});

test("the next part waits until whole objects of the one before are read, as each may be in memory", async () => {
  await using fixture = await Fixture.open();
  const backup = await fixture.backup([file("/a", "one"), file("/b", "two")], { perPart: 1, encoding: "zstd" });
  expect(await restoreSlowly(fixture, backup)).toEqual({ asked: [0, 1], most: 1 });
});
