/** Folders that another user has put into a target, or has open, to have them when they are root's: none is. Each attack has a twin that works. */
import { describe, expect, test } from "bun:test";
import { chmodSync, lstatSync, readdirSync, writeFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { exitOf } from "../../restore/restore.ts";
import { attack } from "../support/attack.ts";
import { accomplice, act, give, inodeOf, mayAct, modeOf, neighbour, openFixture, root } from "./neighbour.ts";
import { type Fixture, file, folder, noise } from "./support.ts";

const MiB = 1024 * 1024;

/** Keeps a folder open, and makes a file in it when asked to. */
const keepsFolderOpen = `
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
print("ready")
input()
try:
    os.close(os.open("evil", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd))
    print("made")
except OSError as error:
    print(error.strerror)
`;

describe.skipIf(!mayAct)("a folder of another user in the place of root's", () => {
  const items = [folder("/"), folder("/d", { owner: root, mode: 0o700 }), file("/d/x", "mine", { owner: root })];

  attack(
    {
      by: "U",
      what: "a user's folder, with files in it, where root's belongs",
      before: "became root's with the files",
      now: "it is renamed and made again",
    },
    async () => {
      await using fixture = await openFixture();
      const backup = await fixture.backup(items);
      await mkdir(fixture.at("/d"), { recursive: true });
      writeFileSync(fixture.at("/d/profile.sh"), "evil");
      for (const name of ["/d", "/d/profile.sh"]) give(fixture.at(name), neighbour, 0o755);
      await using attacker = await accomplice(keepsFolderOpen, fixture.at("/d"));
      const figures = await fixture.restore(backup);
      expect(await attacker.goOn()).toBe("made\n");
      expect(await fixture.names("/d")).toEqual(["x"]);
      expect(lstatSync(fixture.at("/d"))).toMatchObject({ uid: 0 });
      expect(modeOf(fixture.at("/d"))).toBe(0o700);
      const aside = (await fixture.names()).find((name) => name.startsWith("d.before-restore-")) ?? "";
      expect(await fixture.names(aside)).toEqual(["evil", "profile.sh"]);
      expect(lstatSync(fixture.at(aside)).uid).toBe(neighbour.uid);
      expect(fixture.complaints).toEqual([
        `the folder "/d" had another owner than in the backup: it is "/${aside}" now, with all that was in it`,
      ]);
      expect(exitOf(figures)).toBe(3);
      expect(await fixture.restore(backup)).toMatchObject({ unchanged: 1, folders: 0 });
    },
  );

  test("a folder of another user in the place of root's that is empty is replaced, and his descriptor leads nowhere", async () => {
    await using fixture = await openFixture();
    const backup = await fixture.backup(items);
    await mkdir(fixture.at("/d"), { recursive: true });
    give(fixture.at("/d"), neighbour, 0o755);
    await using attacker = await accomplice(keepsFolderOpen, fixture.at("/d"));
    await fixture.restore(backup);
    expect(await attacker.goOn()).toBe("No such file or directory\n");
    expect(await fixture.names("/d")).toEqual(["x"]);
    expect(await fixture.names()).toEqual(["d"]);
    expect(fixture.complaints).toEqual([]);
  });

  test("twin: one of the right owner stays, and what is in it, too", async () => {
    await using fixture = await openFixture();
    const backup = await fixture.backup(items);
    await mkdir(fixture.at("/d"), { recursive: true });
    await writeFile(fixture.at("/d/more"), "more");
    const before = inodeOf(fixture.at("/d"));
    await fixture.restore(backup);
    expect(inodeOf(fixture.at("/d"))).toBe(before);
    expect(await fixture.names("/d")).toEqual(["more", "x"]);
    expect(fixture.complaints).toEqual([]);
  });

  test("twin: his own that the backup says is his stays", async () => {
    await using fixture = await openFixture();
    const his = [folder("/"), folder("/d", { owner: neighbour }), file("/d/x", "his", { owner: neighbour })];
    const backup = await fixture.backup(his);
    await mkdir(fixture.at("/d"), { recursive: true });
    await writeFile(fixture.at("/d/more"), "more");
    give(fixture.at("/d"), neighbour, 0o755);
    const before = inodeOf(fixture.at("/d"));
    expect(exitOf(await fixture.restore(backup))).toBe(0);
    expect(inodeOf(fixture.at("/d"))).toBe(before);
    expect(await fixture.names("/d")).toEqual(["more", "x"]);
  });
});

describe.skipIf(!mayAct)("a folder of root's that becomes another user's", () => {
  attack(
    {
      by: "U",
      what: "root's private folder, renamed to one that is the user's in the backup",
      before: "given to the user",
      now: "it is renamed and made again",
    },
    async () => {
      await using fixture = await openFixture();
      const items = [folder("/"), folder("/home", { owner: neighbour }), folder("/home/mine", { owner: neighbour })];
      const backup = await fixture.backup([...items, file("/home/mine/x", "x", { owner: neighbour })]);
      await mkdir(fixture.at("/home/private"), { recursive: true });
      writeFileSync(fixture.at("/home/private/secret"), "secret");
      chmodSync(fixture.at("/home/private"), 0o700);
      give(fixture.at("/home"), neighbour, 0o755);
      const before = inodeOf(fixture.at("/home/private"));
      expect(act('mv "$1/private" "$1/mine"', fixture.at("/home"))).toBe(0);
      await fixture.restore(backup);
      expect(await fixture.names("/home/mine")).toEqual(["x"]);
      const aside = readdirSync(fixture.at("/home")).find((name) => name.startsWith("mine.before-restore-")) ?? "";
      expect(inodeOf(fixture.at(`/home/${aside}`))).toBe(before);
      expect(lstatSync(fixture.at(`/home/${aside}`)).uid).toBe(0);
      expect(act('cat "$1/secret"', fixture.at(`/home/${aside}`))).not.toBe(0);
    },
  );

  test("a folder of root's that becomes another user's and that a restore which was killed has made is not his under another name", async () => {
    await using fixture = await openFixture();
    const items = [folder("/"), folder("/home", { owner: neighbour }), folder("/home/mine", { owner: neighbour })];
    const backup = await fixture.backup(items);
    await mkdir(fixture.at("/home/private"), { recursive: true });
    writeFileSync(fixture.at("/home/private/secret"), "secret");
    // As it is left behind: unfinished, and root's in the end.
    chmodSync(fixture.at("/home/private"), 0o1700);
    give(fixture.at("/home"), neighbour, 0o755);
    expect(act('mv "$1/private" "$1/mine"', fixture.at("/home"))).toBe(0);
    await fixture.restore(backup);
    expect(await fixture.names("/home/mine")).toEqual([]);
    expect(act('cat "$1"/*/secret', fixture.at("/home"))).not.toBe(0);
  });

  attack(
    {
      by: "U",
      what: "root's private folder is renamed to a public one of root's, in a folder of the user's",
      before: "opened to all",
      now: "it is renamed and made again",
    },
    async () => {
      await using fixture = await openFixture();
      const items = [folder("/"), folder("/home", { owner: neighbour }), folder("/home/public", { owner: root })];
      const backup = await fixture.backup([...items, file("/home/public/x", "x", { owner: root })]);
      await mkdir(fixture.at("/home/private"), { recursive: true });
      writeFileSync(fixture.at("/home/private/secret"), "secret");
      chmodSync(fixture.at("/home/private"), 0o700);
      give(fixture.at("/home"), neighbour, 0o755);
      expect(act('mv "$1/private" "$1/public"', fixture.at("/home"))).toBe(0);
      await fixture.restore(backup);
      expect(await fixture.names("/home/public")).toEqual(["x"]);
      expect(modeOf(fixture.at("/home/public"))).toBe(0o755);
      expect(act('cat "$1"/*/secret', fixture.at("/home"))).not.toBe(0);
    },
  );

  test("twin: a private folder that becomes public, where nobody else can rename it, stays", async () => {
    await using fixture = await openFixture();
    const backup = await fixture.backup([folder("/"), folder("/d"), folder("/d/public", { owner: root })]);
    await mkdir(fixture.at("/d/public"), { recursive: true });
    chmodSync(fixture.at("/d/public"), 0o700);
    const before = inodeOf(fixture.at("/d/public"));
    await fixture.restore(backup);
    expect(inodeOf(fixture.at("/d/public"))).toBe(before);
    expect(modeOf(fixture.at("/d/public"))).toBe(0o755);
  });

  /** A restore that ends, as if killed, when all folders are made and files are written. */
  async function unfinished(fixture: Fixture, backup: Awaited<ReturnType<Fixture["backup"]>>): Promise<void> {
    const stop = new AbortController();
    const reason = new Error("killed");
    const onProgress = ({ files }: { readonly files: number }) => files > 0 && stop.abort(reason);
    await expect(fixture.restore(backup, { signal: stop.signal, onProgress })).rejects.toThrow("killed");
  }

  const staff = { ...root, gid: neighbour.gid };
  const shared = [
    folder("/"),
    folder("/shared", { owner: staff, mode: 0o775 }),
    folder("/shared/his", { owner: neighbour, mode: 0o755 }),
    folder("/shared/private", { owner: staff, mode: 0o700 }),
    file("/shared/private/secret", noise(10), { owner: root, mode: 0o644 }),
    file("/z", noise(5 * MiB), { owner: root }),
  ];

  async function openShared(): Promise<Fixture> {
    const fixture = await openFixture();
    await mkdir(fixture.at("/shared"), { recursive: true });
    give(fixture.at("/shared"), staff, 0o775);
    return fixture;
  }

  attack(
    {
      by: "U",
      what: "unfinished folders of a killed restore are exchanged before the next one, in a shared folder",
      before: "another's private files given to the user",
      now: "each is known to be for one path, and made again",
    },
    async () => {
      await using fixture = await openShared();
      const backup = await fixture.backup(shared);
      await unfinished(fixture, backup);
      expect(act('cd "$1" && mv his other && mv private his', fixture.at("/shared"))).toBe(0);
      await fixture.restore(backup);
      expect(await fixture.names("/shared/his")).toEqual([]);
      expect(lstatSync(fixture.at("/shared/his")).uid).toBe(neighbour.uid);
      expect(await fixture.names("/shared/private")).toEqual(["secret"]);
      expect(act('cat "$1"/*/secret', fixture.at("/shared"))).not.toBe(0);
    },
  );

  test("twin: those that nobody has touched are gone on with, and leave no mark", async () => {
    await using fixture = await openShared();
    const backup = await fixture.backup(shared);
    await unfinished(fixture, backup);
    const before = inodeOf(fixture.at("/shared/his"));
    expect(exitOf(await fixture.restore(backup))).toBe(0);
    expect(inodeOf(fixture.at("/shared/his"))).toBe(before);
    expect(lstatSync(fixture.at("/shared/his")).uid).toBe(neighbour.uid);
    expect(await Bun.$`getfattr -d -m - ${fixture.at("/shared/his")}`.text()).toBe("");
  });
});
