/**
 * Targets in which another user has put things, to have them when they are root's. Nothing of that comes true; and each attack
 * has a twin that works, so that the defence refuses no more than it must.
 */
import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { exitOf } from "../../restore/restore.ts";
import { attack } from "../support/attack.ts";
import { diskFull, mayMount } from "../support/faults/disk-full.ts";
import { run } from "../support/services/command.ts";
import { mayMountForUser, usersFilesystem } from "../support/users-filesystem.ts";
import { accomplice, act, mayAct, neighbour, openFixture, root } from "./neighbour.ts";
import { type Fixture, fifo, file, folder, isRoot, link, noise } from "./support.ts";

const MiB = 1024 * 1024;
const mode = (path: string) => lstatSync(path).mode & 0o7777;
const inode = (path: string) => lstatSync(path, { bigint: true }).ino;

/** Keeps a descriptor and a mapping of a file, and writes through both when asked to. */
const keepsFileOpen = `
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
mapped = mmap.mmap(fd, 4)
print("ready")
input()
mapped[0:4] = b"evil"
mapped.flush()
os.pwrite(fd, b"EVIL", 4)
`;

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

function give(path: string, { uid, gid }: { readonly uid: number; readonly gid: number }, mode: number): void {
  chownSync(path, uid, gid);
  chmodSync(path, mode);
}

describe.skipIf(!mayAct)("a file of another user in the place of root's", () => {
  const content = "#!/bin/sh\nexec true\n";

  const copies = [
    ["the user's, with the very content and times", neighbour, 0o755, 0o4755],
    ["root's, that its group can write to", { uid: 0, gid: neighbour.gid }, 0o664, 0o644],
    ["root's, that anybody can write to", root, 0o666, 0o600],
  ] as const;
  for (const [variant, owner, before, wanted] of copies)
    attack(
      {
        by: "U",
        what: "a user's copy of `su`, mapped and open for writing",
        before: "became root's, setuid, then rewritten",
        now: "it is made again",
      },
      async () => {
        await using fixture = await openFixture();
        const backup = await fixture.backup([folder("/"), file("/su", content, { owner: root, mode: wanted })]);
        await mkdir(fixture.target);
        writeFileSync(fixture.at("/su"), content);
        give(fixture.at("/su"), owner, before);
        await using attacker = await accomplice(keepsFileOpen, fixture.at("/su"));
        const figures = await fixture.restore(backup);
        await attacker.goOn();
        expect(figures).toMatchObject({ files: 1, unchanged: 0 });
        expect(await fixture.read("/su")).toBe(content);
        expect(mode(fixture.at("/su"))).toBe(wanted);
        expect(lstatSync(fixture.at("/su")).uid).toBe(0);
        expect(fixture.complaints).toEqual([]);
      },
      { variant },
    );

  attack(
    {
      by: "U",
      what: "a program of root's that lost only its setuid bit, still mapped by a user",
      before: "kept",
      now: "it is made again",
    },
    async () => {
      await using fixture = await openFixture();
      const backup = await fixture.backup([folder("/"), file("/su", content, { owner: root, mode: 0o4755 })]);
      await fixture.restore(backup);
      chmodSync(fixture.at("/su"), 0o755);
      const before = inode(fixture.at("/su"));
      expect(await fixture.restore(backup)).toMatchObject({ files: 1 });
      expect(mode(fixture.at("/su"))).toBe(0o4755);
      expect(inode(fixture.at("/su"))).not.toBe(before);
    },
  );

  attack(
    { by: "U", what: "a file of root's that others can write to by ACL", before: "kept", now: "it is made again" },
    async () => {
      await using fixture = await openFixture();
      const backup = await fixture.backup([folder("/"), file("/x", content, { owner: root, mode: 0o640 })]);
      await fixture.restore(backup);
      await Bun.$`setfacl -m user:${neighbour.uid}:rw- ${fixture.at("/x")}`;
      await using attacker = await accomplice(keepsFileOpen, fixture.at("/x"));
      await fixture.restore(backup);
      await attacker.goOn();
      expect(await fixture.read("/x")).toBe(content);
      expect(await Bun.$`getfacl -cpE ${fixture.at("/x")}`.text()).not.toContain("65534");
    },
  );

  test("twin: root's own, with wrong mode and times, is corrected and stays the same file", async () => {
    await using fixture = await openFixture();
    const backup = await fixture.backup([folder("/"), file("/x", content, { owner: root, mode: 0o640 })]);
    await fixture.restore(backup);
    chmodSync(fixture.at("/x"), 0o4600);
    const before = inode(fixture.at("/x"));
    expect(await fixture.restore(backup)).toMatchObject({ files: 1, bytes: 0 });
    expect(inode(fixture.at("/x"))).toBe(before);
    expect(mode(fixture.at("/x"))).toBe(0o640);
  });

  test("twin: his own that the backup says is his is corrected and stays the same file", async () => {
    await using fixture = await openFixture();
    const backup = await fixture.backup([folder("/"), file("/x", content, { owner: neighbour, mode: 0o600 })]);
    await fixture.restore(backup);
    chmodSync(fixture.at("/x"), 0o644);
    const before = inode(fixture.at("/x"));
    expect(await fixture.restore(backup)).toMatchObject({ files: 1, bytes: 0 });
    expect(inode(fixture.at("/x"))).toBe(before);
  });

  test("twin: one that others may write to, and that the backup has like that, is left alone", async () => {
    await using fixture = await openFixture();
    const owner = { ...root, gid: neighbour.gid };
    const backup = await fixture.backup([folder("/"), file("/x", content, { owner, mode: 0o664 })]);
    await fixture.restore(backup);
    expect(await fixture.restore(backup)).toMatchObject({ files: 0, unchanged: 1 });
  });
});

describe.skipIf(!mayAct)("links and fifos of another user", () => {
  test("links and fifos of another user are made again, and what he holds of them is his as before", async () => {
    await using fixture = await openFixture();
    const items = [folder("/"), fifo("/p", { owner: root }), link("/l", "x", { owner: root })];
    const backup = await fixture.backup(items);
    await mkdir(fixture.target);
    await Bun.$`mkfifo ${fixture.at("/p")}`;
    await symlink("x", fixture.at("/l"));
    for (const name of ["/p", "/l"]) await Bun.$`chown -h 65534:65534 ${fixture.at(name)}`;
    const before = ["/p", "/l"].map((name) => inode(fixture.at(name)));
    expect(await fixture.restore(backup)).toMatchObject({ nodes: 1, links: 1, unchanged: 0 });
    for (const [number, name] of ["/p", "/l"].entries()) {
      expect(inode(fixture.at(name))).not.toBe(before[number]);
      expect(lstatSync(fixture.at(name)).uid).toBe(0);
    }
  });

  test("twin: those of the right owner are corrected and stay", async () => {
    await using fixture = await openFixture();
    const items = [folder("/"), fifo("/p", { owner: root }), link("/l", "x", { owner: root })];
    const backup = await fixture.backup(items);
    await fixture.restore(backup);
    await run(["touch", "-h", fixture.at("/l"), fixture.at("/p")]);
    const before = ["/p", "/l"].map((name) => inode(fixture.at(name)));
    expect(await fixture.restore(backup)).toMatchObject({ nodes: 1, links: 1, unchanged: 0 });
    expect(["/p", "/l"].map((name) => inode(fixture.at(name)))).toEqual(before);
  });
});

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
      expect(mode(fixture.at("/d"))).toBe(0o700);
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
    const before = inode(fixture.at("/d"));
    await fixture.restore(backup);
    expect(inode(fixture.at("/d"))).toBe(before);
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
    const before = inode(fixture.at("/d"));
    expect(exitOf(await fixture.restore(backup))).toBe(0);
    expect(inode(fixture.at("/d"))).toBe(before);
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
      const before = inode(fixture.at("/home/private"));
      expect(act('mv "$1/private" "$1/mine"', fixture.at("/home"))).toBe(0);
      await fixture.restore(backup);
      expect(await fixture.names("/home/mine")).toEqual(["x"]);
      const aside = readdirSync(fixture.at("/home")).find((name) => name.startsWith("mine.before-restore-")) ?? "";
      expect(inode(fixture.at(`/home/${aside}`))).toBe(before);
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
      expect(mode(fixture.at("/home/public"))).toBe(0o755);
      expect(act('cat "$1"/*/secret', fixture.at("/home"))).not.toBe(0);
    },
  );

  test("twin: a private folder that becomes public, where nobody else can rename it, stays", async () => {
    await using fixture = await openFixture();
    const backup = await fixture.backup([folder("/"), folder("/d"), folder("/d/public", { owner: root })]);
    await mkdir(fixture.at("/d/public"), { recursive: true });
    chmodSync(fixture.at("/d/public"), 0o700);
    const before = inode(fixture.at("/d/public"));
    await fixture.restore(backup);
    expect(inode(fixture.at("/d/public"))).toBe(before);
    expect(mode(fixture.at("/d/public"))).toBe(0o755);
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
    const before = inode(fixture.at("/shared/his"));
    expect(exitOf(await fixture.restore(backup))).toBe(0);
    expect(inode(fixture.at("/shared/his"))).toBe(before);
    expect(lstatSync(fixture.at("/shared/his")).uid).toBe(neighbour.uid);
    expect(await Bun.$`getfattr -d -m - ${fixture.at("/shared/his")}`.text()).toBe("");
  });
});

describe.skipIf(!mayAct)("a folder that others may look into now, but not in the end", () => {
  /** What the neighbour sees of `/d/x` while `/z` is still being written. */
  async function seen(fixture: Fixture, wanted: number): Promise<boolean> {
    const items = [folder("/"), folder("/d", { owner: root, mode: wanted }), file("/d/x", "secret", { owner: root })];
    const backup = await fixture.backup([...items, file("/z", [noise(MiB), noise(MiB)])], { perFrame: 1 });
    let was = false;
    const onProgress = () => {
      was ||= act('cat "$1"', fixture.at("/d/x")) === 0;
    };
    await fixture.restore(backup, { onProgress });
    expect(mode(fixture.at("/d"))).toBe(wanted);
    return was;
  }

  attack(
    {
      by: "U",
      what: "files of a private folder are read while they are restored into one that is still open",
      before: "read",
      now: "the folder is closed first",
    },
    async () => {
      await using fixture = await openFixture();
      await mkdir(fixture.at("/d"), { recursive: true });
      expect(await seen(fixture, 0o700)).toBe(false);
    },
  );

  attack(
    {
      by: "U",
      what: "files of a private folder are read while they are restored into one that is still open",
      before: "read",
      now: "the folder is closed first",
    },
    async () => {
      await using fixture = await openFixture();
      await mkdir(fixture.at("/d"), { recursive: true });
      chmodSync(fixture.at("/d"), 0o750);
      await Bun.$`setfacl -m user:${neighbour.uid}:r-x ${fixture.at("/d")}`;
      expect(await seen(fixture, 0o750)).toBe(false);
    },
    { variant: "by an ACL" },
  );

  test("twin: one that they may look into in the end stays open meanwhile", async () => {
    await using fixture = await openFixture();
    await mkdir(fixture.at("/d"), { recursive: true });
    expect(await seen(fixture, 0o755)).toBe(true);
  });
});

describe.skipIf(!mayAct)("a folder that others may write to", () => {
  /** What the neighbour gets for trying to make a file in `/d` when content is fetched. */
  async function intrusion(fixture: Fixture, wanted: number): Promise<number | undefined> {
    const items = [
      folder("/"),
      folder("/d", { owner: root, mode: wanted }),
      file("/d/x", noise(1000), { owner: root }),
    ];
    const backup = await fixture.backup(items);
    let exit: number | undefined;
    const bucket = {
      async *get(...[key, options]: Parameters<Fixture["bucket"]["get"]>) {
        if (key.startsWith("packs/")) exit ??= act('echo evil > "$1/evil"', fixture.at("/d"));
        yield* fixture.bucket.get(key, options);
      },
    };
    await fixture.restore(backup, { bucket });
    return exit;
  }

  attack(
    {
      by: "U",
      what: "files are put into an open folder during the restore",
      before: "possible",
      now: "the folder is closed first",
    },
    async () => {
      await using fixture = await openFixture();
      await mkdir(fixture.at("/d"), { recursive: true });
      chmodSync(fixture.at("/d"), 0o777);
      expect(await intrusion(fixture, 0o755)).not.toBe(0);
      expect(await fixture.names("/d")).toEqual(["x"]);
    },
  );

  test("twin: and may in the end, such as /tmp, stays open while the machine runs", async () => {
    await using fixture = await openFixture();
    await mkdir(fixture.at("/d"), { recursive: true });
    chmodSync(fixture.at("/d"), 0o1777);
    expect(await intrusion(fixture, 0o1777)).toBe(0);
    expect(await fixture.names("/d")).toEqual(["evil", "x"]);
  });

  test("a folder that others may write to shows nothing that is being made, nor lets anybody in to it", async () => {
    await using fixture = await openFixture();
    const items = [folder("/"), folder("/d", { owner: neighbour, mode: 0o755 })];
    const large = file("/d/x", [noise(MiB), noise(MiB)], { owner: root, mode: 0o644 });
    const backup = await fixture.backup([...items, large], { perFrame: 1 });
    await mkdir(fixture.at("/d"), { recursive: true });
    give(fixture.at("/d"), neighbour, 0o755);
    const seen: string[] = [];
    const onProgress = () => {
      seen.push(...readdirSync(fixture.at("/d")));
      for (const name of readdirSync(fixture.target).filter((name) => name.startsWith("."))) {
        seen.push(`${name} ${mode(fixture.at(name)).toString(8)} ${act('ls "$1"', fixture.at(name)) === 0}`);
      }
    };
    await fixture.restore(backup, { onProgress });
    const staged = seen.filter((name) => name.startsWith(".sysbackup-"));
    expect(staged.length).toBeGreaterThan(0);
    for (const line of staged) expect(line).toMatch(/^\.sysbackup-[0-9a-f]{32} 1700 false$/);
    expect(seen.filter((name) => !name.startsWith("."))).toEqual(seen.filter((name) => name === "x"));
    expect((await readdir(fixture.target)).sort()).toEqual(["d"]);
  });
});

describe.skipIf(!mayAct || !mayMount)("a mount in the target", () => {
  /** Restores `/boot`, of this owner, onto a filesystem of its own. */
  async function onto(fixture: Fixture, mount: string, owner: typeof root) {
    const items = [folder("/"), folder("/boot", { owner, mode: 0o700 }), folder("/boot/d", { owner: root })];
    const backup = await fixture.backup([...items, file("/boot/x", "x"), file("/boot/d/y", "y"), file("/z", "z")]);
    await mkdir(fixture.at("/boot"), { recursive: true });
    await run(["mount", "--bind", mount, fixture.at("/boot")]);
    try {
      const figures = await fixture.restore(backup);
      return { figures, owner: lstatSync(fixture.at("/boot")).uid, mode: mode(fixture.at("/boot")) };
    } finally {
      await run(["umount", fixture.at("/boot")]);
    }
  }

  test("a mount in the target gets what belongs there by way of a folder of its own, which goes in the end", async () => {
    await using fixture = await openFixture();
    await using small = await diskFull(MiB);
    await writeFile(`${small.path}/before`, "before");
    const { figures } = await onto(fixture, small.path, root);
    expect(exitOf(figures)).toBe(0);
    expect((await readdir(small.path)).sort()).toEqual(["before", "d", "x"]);
    expect(await fixture.names()).toEqual(["boot", "z"]);
  });

  test("a mount in the target of another owner, which cannot be moved aside, is taken over", async () => {
    await using fixture = await openFixture();
    await using small = await diskFull(MiB);
    await writeFile(`${small.path}/before`, "before");
    give(small.path, neighbour, 0o777);
    expect(await onto(fixture, small.path, root)).toMatchObject({
      figures: { warnings: 0, errors: 0 },
      owner: 0,
      mode: 0o700,
    });
    expect((await readdir(small.path)).sort()).toEqual(["before", "d", "x"]);
  });

  test("a mount in the target that is to be another user's is given to him", async () => {
    await using fixture = await openFixture();
    await using small = await diskFull(MiB);
    await mkdir(`${small.path}/lost+found`);
    expect(await onto(fixture, small.path, neighbour)).toMatchObject({
      figures: { warnings: 0 },
      owner: neighbour.uid,
    });
  });
});

describe.skipIf(!mayAct || !mayMountForUser)("a filesystem that a user has mounted", () => {
  attack(
    { by: "U", what: "a user's FUSE filesystem that claims to be root's", before: "written to", now: "it is left out" },
    async () => {
      await using fixture = await openFixture();
      const items = [
        folder("/"),
        folder("/d", { owner: root, mode: 0o700 }),
        file("/d/secret", "secret", { owner: root }),
      ];
      const backup = await fixture.backup([...items, file("/x", "x")]);
      await mkdir(fixture.at("/d"), { recursive: true });
      {
        await using _ = await usersFilesystem(fixture.at("/d"));
        await fixture.restore(backup);
      }
      expect(fixture.complaints).toEqual([
        'cannot restore "/d": a filesystem that nobody has mounted is in its place; unmount it and run again',
        'did not restore 1 entry in "/d"',
      ]);
      expect(await fixture.read("/x")).toBe("x");
    },
  );

  attack(
    { by: "U", what: "a user's FUSE filesystem that claims to be root's", before: "written to", now: "it is left out" },
    async () => {
      await using fixture = await openFixture();
      const items = [folder("/"), folder("/d", { owner: root }), file("/d/secret", "secret", { owner: root })];
      const backup = await fixture.backup(items);
      await mkdir(fixture.at("/d"), { recursive: true });
      {
        await using _ = await usersFilesystem(fixture.at("/d"));
        await fixture.restore(backup, { paths: ["/d/secret"] });
      }
      expect(fixture.complaints).toEqual([
        'cannot restore "/d/secret": a filesystem that nobody has mounted is in its place; unmount it and run again',
      ]);
    },
    { variant: "on the way to a path that was asked for" },
  );
});

describe.skipIf(!mayAct)("leftovers", () => {
  test("leftovers that only look like ones of a restore are not removed", async () => {
    await using fixture = await openFixture();
    const disguise = `.sysbackup-${"0".repeat(32)}`;
    await mkdir(fixture.at(`/${disguise}`), { recursive: true });
    writeFileSync(fixture.at(`/${disguise}/secret`), "secret");
    chmodSync(fixture.at(`/${disguise}`), 0o1700);
    await fixture.restore(await fixture.backup([folder("/"), file("/x", "x")]));
    expect(readFileSync(fixture.at(`/${disguise}/secret`), "utf8")).toBe("secret");
  });
});

describe.skipIf(!isRoot)("dumps that are fetched", () => {
  test("dumps that are fetched do not go into a folder that somebody else has made for them", async () => {
    await using fixture = await openFixture();
    const snapshot = await fixture.snapshot("db", "dump");
    const backup = await fixture.backup([folder("/")], { snapshots: [snapshot] });
    await mkdir(fixture.at("/sysbackup-snapshots"), { recursive: true });
    await writeFile(fixture.at("/sysbackup-snapshots/his"), "");
    give(fixture.at("/sysbackup-snapshots"), neighbour, 0o755);
    await fixture.restore(backup, { snapshots: "fetch" });
    expect(await fixture.names("/sysbackup-snapshots")).toEqual(["db"]);
    expect(lstatSync(fixture.at("/sysbackup-snapshots")).uid).toBe(0);
    expect(mode(fixture.at("/sysbackup-snapshots"))).toBe(0o700);
    expect(mode(fixture.at("/sysbackup-snapshots/db"))).toBe(0o600);
  });
});
