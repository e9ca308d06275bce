/** Content of consecutive parts, as it is read from the bucket. */
import { expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { fromText } from "../../core/format/path.ts";
import { exitOf } from "../../restore/restore.ts";
import { type Backup, Fixture, file, folder, noise } from "./support.ts";

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

test("two parts that are fetched side by side have no more than four reads under way together", async () => {
  await using fixture = await Fixture.open();
  // Too far apart for one read.
  const far = () => noise(600_000);
  const items = ["a", "b"].flatMap((part) => [
    file(`/${part}0`, `${part}0`),
    file(`/${part}1`, far()),
    file(`/${part}2`, `${part}2`),
    file(`/${part}3`, far()),
    file(`/${part}4`, `${part}4`),
  ]);
  const backup = await fixture.backup(items, { perPart: 5, perFrame: 1 });
  const packs = new Set(backup.objects.map(({ key }) => key));
  const isFull = Promise.withResolvers<void>();
  const paths = ["/a0", "/a2", "/a4", "/b0", "/b2", "/b4"];
  let underWay = 0;
  let most = 0;
  const figures = await fixture.restore(backup, {
    paths: paths.map(fromText),
    bucket: {
      async *get(key, options) {
        if (packs.has(key)) {
          underWay += 1;
          most = Math.max(most, underWay);
          if (underWay === 4) setTimeout(isFull.resolve, 1);
          await isFull.promise;
          underWay -= 1;
        }
        yield* fixture.bucket.get(key, options);
      },
    },
  });
  expect(exitOf(figures)).toBe(0);
  expect(most).toBe(4);
  for (const path of paths) expect(await fixture.read(path)).toBe(path.slice(1));
}, 20_000);

/** Restores a backup of two parts, and has all content wait until that of the second could be asked for. Returns what was asked for, and then came. */
async function eventsOf(fixture: Fixture, backup: Backup): Promise<string[]> {
  const numbers = new Map(backup.objects.map(({ key }, number) => [key, number + 1]));
  const [, second] = backup.manifest.parts;
  const isSecondRead = Promise.withResolvers<void>();
  const events: string[] = [];
  const figures = await fixture.restore(backup, {
    bucket: {
      async *get(key, options) {
        const number = numbers.get(key);
        if (number !== undefined) {
          events.push(`asked for ${number}`);
          await isSecondRead.promise;
          events.push(`read ${number}`);
        }
        yield* fixture.bucket.get(key, options);
        if (key === second?.key) setTimeout(isSecondRead.resolve, 10);
      },
    },
  });
  expect(exitOf(figures)).toBe(0);
  return events;
}

test("content of a part is not asked for before the last group of open files of the one before", async () => {
  await using fixture = await Fixture.open();
  const files = Array.from({ length: 130 }, (_, number) => {
    const name = String(number).padStart(3, "0");
    return file(`/${name}`, [Buffer.from(`one ${name}`), Buffer.from(`two ${name}`)]);
  });
  const backup = await fixture.backup(files, { perPart: 129, perFrame: 1 });
  const events = await eventsOf(fixture, backup);
  expect(events.slice(0, 3)).toEqual(["asked for 1", "read 1", "asked for 1"]);
});

test("content of a part is not asked for while the one before has objects without frames to read", async () => {
  await using fixture = await Fixture.open();
  const backup = await fixture.backup([file("/a", "one"), file("/b", "two")], { perPart: 1, encoding: "zstd" });
  expect(await eventsOf(fixture, backup)).toEqual(["asked for 1", "read 1", "asked for 2", "read 2"]);
});
