import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import { type ByteString, fromText } from "../../core/format/path.ts";
import { Target } from "../../restore/target.ts";
import { scratch } from "../support/faults/scratch.ts";

const path = (text: string): ByteString => fromText(text);

async function opened(use: (target: Target, place: string) => void): Promise<void> {
  await using place = await scratch();
  const target = Target.open(`${place.path}/t`, { random: randomBytes, onMovedAside: () => {} });
  try {
    use(target, `${place.path}/t`);
  } finally {
    target.close();
  }
}

test("a target forgets the folders that it has left behind, but for those above the next path", async () => {
  await opened((target) => {
    for (const folder of ["/a", "/a/b", "/a/b/c", "/a!", "/aa"]) target.make(path(folder));
    target.leaveBehind(path("/a/b/d"));
    const isKnown = (folder: string) => {
      try {
        target.identity(path(folder));
        return true;
      } catch {
        return false;
      }
    };
    expect(["/", "/a", "/a/b", "/a/b/c", "/a!", "/aa"].map(isKnown)).toEqual([true, true, true, false, false, true]);
  });
});

test("folders of a target that nobody asked for are closed to others", async () => {
  await opened((target, place) => {
    target.folder(path("/a/b"));
    expect(["/a", "/a/b"].map((folder) => lstatSync(place + folder).mode & 0o7777)).toEqual([0o1700, 0o1700]);
    target.settle(path("/a/b"), 0o700);
    expect(lstatSync(`${place}/a/b`).mode & 0o7777).toBe(0o700);
  });
});

test("a target takes the folder in which it makes things away when it is closed", async () => {
  await using place = await scratch();
  const target = Target.open(place.path, { random: randomBytes, onMovedAside: () => {} });
  target.workplace(path("/"));
  expect(readdirSync(place.path)).toHaveLength(1);
  target.close();
  expect(readdirSync(place.path)).toEqual([]);
});
