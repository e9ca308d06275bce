import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { lchownSync, lstatSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { type ByteString, fromText } from "../../../core/format/path.ts";
import { Target } from "../../../restore/target/target.ts";
import { attack } from "../../support/attack.ts";
import { mayMount } from "../../support/faults/disk-full.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { isRoot } from "../support.ts";

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

const deps = { random: randomBytes, onMovedAside: () => {} };
const stranger = 65_534;

attack(
  {
    by: "U",
    what: "a link of the user's is where root's --target is, or above it",
    before: "root restores wherever it leads",
    now: "refused, and nothing is made",
  },
  async () => {
    await using place = await scratch();
    mkdirSync(`${place.path}/etc`);
    symlinkSync("etc", `${place.path}/restored`);
    lchownSync(`${place.path}/restored`, stranger, stranger);
    for (const path of ["restored", "restored/new", "restored/../restored"]) {
      expect(() => Target.open(`${place.path}/${path}`, deps)).toThrow('"restored" in it is a link of nobody');
    }
    expect(readdirSync(`${place.path}/etc`)).toEqual([]);
  },
  { skip: !isRoot },
);

test("twin: links of one's own, relative and absolute, lead to the target", async () => {
  await using place = await scratch();
  mkdirSync(`${place.path}/mnt`);
  symlinkSync("mnt", `${place.path}/near`);
  symlinkSync(`${place.path}/near/../near`, `${place.path}/far`);
  const target = Target.open(`${place.path}/far/t`, deps);
  target.make(path("/a"));
  target.close();
  expect(readdirSync(`${place.path}/mnt/t`)).toEqual(["a"]);
});

test("a target behind links that lead in a circle is a failure", async () => {
  await using place = await scratch();
  symlinkSync("b", `${place.path}/a`);
  symlinkSync("a", `${place.path}/b`);
  expect(() => Target.open(`${place.path}/a/t`, deps)).toThrow("too many levels of symbolic links");
});

test.skipIf(!mayMount)(
  "a filesystem that is mounted over a folder that a restore has made is an obstacle, not that folder",
  async () => {
    await using place = await scratch();
    const target = Target.open(`${place.path}/t`, { random: randomBytes, onMovedAside: () => {} });
    const over = `${place.path}/t/a/b`;
    try {
      target.make(path("/a"));
      target.make(path("/a/b"));
      // So many that none of those is open any more.
      for (let number = 0; number < 200; number += 1) target.make(path(`/${number}`));
      expect(target.folder(path("/a/b")).fresh).toBe(true);
      for (let number = 0; number < 200; number += 1) target.folder(path(`/${number}`));
      await Bun.$`mount -t tmpfs sysbackup-test ${over}`;
      expect(() => target.folder(path("/a/b"))).toThrow(expect.objectContaining({ name: "Obstacle" }));
    } finally {
      target.close();
      await Bun.$`umount ${over}`.nothrow().quiet();
    }
  },
);
