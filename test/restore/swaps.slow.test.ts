/** Another user who swaps things while a restore runs, in folders that are his. What is root's stays root's. */
import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { fromText } from "../../core/format/path.ts";
import { exitOf } from "../../restore/restore.ts";
import { attack } from "../support/attack.ts";
import { accomplice, act, mayAct, neighbour, openFixture, root } from "./neighbour.ts";
import { Fixture, fifo, file, folder, noise } from "./support.ts";

const MiB = 1024 * 1024;
/** More than a restore keeps open. */
const many = Array.from({ length: 300 }, (_, number) => `/many/${number}`);

/** Something happens once, before the first content is fetched: all folders are made by then. */
function meddling(fixture: Fixture, action: () => void) {
  let done = false;
  return {
    async *get(...[key, options]: Parameters<Fixture["bucket"]["get"]>) {
      if (key.startsWith("packs/") && !done) {
        done = true;
        action();
      }
      yield* fixture.bucket.get(key, options);
    },
  };
}

describe.skipIf(!mayAct)("folders that are swapped in a folder of his", () => {
  const home = [folder("/"), folder("/home", { owner: neighbour })];
  const others = [folder("/many"), ...many.flatMap((path) => [folder(path), file(`${path}/x`, noise(10))])];

  async function prepared(): Promise<Fixture> {
    const fixture = await openFixture();
    await mkdir(fixture.at("/home"), { recursive: true });
    chownSync(fixture.at("/home"), neighbour.uid, neighbour.gid);
    return fixture;
  }

  attack(
    {
      by: "U",
      what: "root's folder is exchanged with the user's during the restore",
      before: "owners exchanged",
      now: "it is recognised",
    },
    async () => {
      await using fixture = await prepared();
      const backup = await fixture.backup([
        ...home,
        folder("/home/mine", { owner: neighbour, mode: 0o755 }),
        folder("/home/private", { owner: root, mode: 0o700 }),
        file("/home/private/secret", "secret", { owner: root, mode: 0o644 }),
        ...others,
      ]);
      let swapped = -1;
      const swap = () => {
        swapped = act('cd "$1" && mv mine gone && mv private mine', fixture.at("/home"));
      };
      const figures = await fixture.restore(backup, { bucket: meddling(fixture, swap) });
      expect(swapped).toBe(0);
      expect(lstatSync(fixture.at("/home/mine")).uid).toBe(0);
      expect(act('cat "$1"/*/secret', fixture.at("/home"))).not.toBe(0);
      expect(fixture.complaints).toContain(
        'cannot restore "/home/mine": somebody put another folder in its place while it was restored; see that nobody writes there, and run again: what is restored already is left alone',
      );
      expect(exitOf(figures)).toBe(3);
    },
  );

  attack(
    {
      by: "U",
      what: "a user's folder takes the place of root's while files are written",
      before: "secrets written into it",
      now: "it is recognised",
    },
    async () => {
      await using fixture = await prepared();
      const backup = await fixture.backup([
        ...home,
        folder("/home/private", { owner: root, mode: 0o700 }),
        file("/home/private/secret", "secret", { owner: root, mode: 0o644 }),
        ...others,
      ]);
      const swap = () => void act('cd "$1" && mv private gone && mkdir private', fixture.at("/home"));
      await fixture.restore(backup, { bucket: meddling(fixture, swap) });
      expect(await fixture.names("/home/private")).toEqual([]);
      expect(fixture.complaints.join()).toContain('cannot restore "/home/private/secret": somebody put another folder');
    },
  );

  attack(
    {
      by: "U",
      what: "a folder is exchanged before its files are looked at",
      before: "the restore ended with a defect",
      now: "only these are not restored",
    },
    async () => {
      await using fixture = await prepared();
      const items = [
        ...home,
        file("/home/a", noise(10), { owner: neighbour }),
        folder("/home/private", { owner: root, mode: 0o700 }),
        folder("/home/private/m"),
        ...many.map((_, number) => folder(`/home/private/m/${number}`)),
      ];
      const later = [file("/home/private/secret", "secret", { owner: root }), file("/z", "z", { owner: root })];
      const backup = await fixture.backup([...items, ...later], { perPart: items.length });
      const swap = () => void act('cd "$1" && mv private gone && mkdir private', fixture.at("/home"));
      expect(exitOf(await fixture.restore(backup, { bucket: meddling(fixture, swap) }))).toBe(3);
      expect(await fixture.names("/home/private")).toEqual([]);
      expect(await fixture.read("/z")).toBe("z");
    },
  );

  test("twin: with nobody there, as many folders get their owners and files", async () => {
    await using fixture = await prepared();
    const backup = await fixture.backup([
      ...home,
      folder("/home/mine", { owner: neighbour, mode: 0o755 }),
      file("/home/mine/x", "x", { owner: neighbour }),
      ...others,
    ]);
    expect(exitOf(await fixture.restore(backup))).toBe(0);
    expect(lstatSync(fixture.at("/home/mine")).uid).toBe(neighbour.uid);
    expect(await fixture.read("/home/mine/x")).toBe("x");
  });
});

/**
 * Exchanges root's file, which lies in a folder of his, for whatever a restore makes beside it, as fast as it can. It gets the
 * names that restores gave before, and looks for any other that begins like them.
 */
const exchanger = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
os.chdir(sys.argv[1])
here, exchange = -100, 2
swap = libc.renameat2
print("ready")
for pair in sys.argv[2:]:
    final, temporary = [name.encode() for name in pair.split("=")]
    while not os.path.lexists(final):
        for _ in range(200):
            if swap(here, b"prey", here, temporary, exchange) == 0:
                sys.exit()
while True:
    for name in os.listdir(b"."):
        if name.startswith(b".sysbackup-"):
            swap(here, b"prey", here, name, exchange)
`;

describe.skipIf(!mayAct)("a user who races", () => {
  attack(
    {
      by: "U",
      what: "root's file is exchanged with a fifo that is being made",
      before: "given to the user",
      now: "there is nothing to exchange",
    },
    async () => {
      await using fixture = await openFixture();
      const paths = Array.from({ length: 2_000 }, (_, number) => `/home/p${String(number).padStart(5, "0")}`);
      const backup = await fixture.backup([
        folder("/"),
        folder("/home", { owner: neighbour }),
        ...paths.map((path) => fifo(path, { owner: neighbour, mode: 0o666 })),
      ]);
      mkdirSync(fixture.at("/home"), { recursive: true });
      writeFileSync(fixture.at("/home/prey"), "secret", { mode: 0o600 });
      chownSync(fixture.at("/home"), neighbour.uid, neighbour.gid);
      const prey = lstatSync(fixture.at("/home/prey")).ino;
      const former = (path: string) => `.sysbackup-${Bun.hash.xxHash64(path).toString(16).padStart(16, "0")}`;
      const pairs = paths.filter((_, number) => number % 10 === 5).map((path) => `${path.slice(6)}=${former(path)}`);
      await using _attacker = await accomplice(exchanger, fixture.at("/home"), ...pairs);
      await fixture.restore(backup);
      const found = readdirSync(fixture.at("/home")).map((name) => lstatSync(fixture.at(`/home/${name}`)));
      expect(found.filter(({ ino }) => ino === prey)).toMatchObject([{ uid: 0, gid: 0, nlink: 1 }]);
      expect(found.find(({ ino }) => ino === prey)?.mode.toString(8)).toBe("100600");
    },
  );
});

describe("temporary names", () => {
  /** As paths, of one xxHash64. */
  const pair = ["/nnnnnnn", "/nnnnnnn"].map((start, number) =>
    [
      start,
      number === 0 ? "nnnnnnnn" : "jcdaaaaa",
      "n".repeat(24),
      number === 0 ? "nnnnnnnn" : "oBc~eF7x",
      "n".repeat(24),
    ].join(""),
  );

  attack(
    {
      by: "W",
      what: "two paths with the same xxHash64",
      before: "one file replaced the other",
      now: "temporary names are random",
    },
    async () => {
      await using fixture = await Fixture.open();
      const [one = "", other = ""] = pair;
      expect(one).not.toBe(other);
      expect(Bun.hash.xxHash64(fromText(one))).toBe(Bun.hash.xxHash64(fromText(other)));
      const content = [noise(9 * MiB), noise(9 * MiB)] as const;
      // Objects as large as these are written as they come, side by side.
      const items = [file(one, content[0]), file(other, content[1])];
      await fixture.restore(await fixture.backup([folder("/"), ...items], { encoding: "none" }));
      expect(fixture.complaints).toEqual([]);
      for (const [number, path] of [one, other].entries()) {
        expect(content[number]?.equals(await readFile(fixture.at(path)))).toBe(true);
      }
    },
  );
});

describe.skipIf(!mayAct)("a descriptor of a folder", () => {
  test("a descriptor of a folder gives no right to write in it once its mode does not", async () => {
    await using fixture = await openFixture();
    mkdirSync(fixture.target);
    chmodSync(fixture.target, 0o777);
    const script = `
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
os.chdir(sys.argv[1])
print("ready")
input()
for where in [fd, None]:
    try:
        os.close(os.open("evil", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=where))
        print("made")
    except PermissionError:
        print("refused")
`;
    await using holder = await accomplice(script, fixture.target);
    chmodSync(fixture.target, 0o755);
    expect(await holder.goOn()).toBe("refused\nrefused\n");
  });
});
