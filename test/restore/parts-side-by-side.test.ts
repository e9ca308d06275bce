/** Content of consecutive parts, as it is read from the bucket. */
import { expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { exitOf } from "../../restore/restore.ts";
import { Fixture, file, folder } from "./support.ts";

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
