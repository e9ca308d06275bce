import { describe, expect, test } from "bun:test";
import { mkdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { mayMount } from "../support/faults/disk-full.ts";
import { mayMountForUser, usersFilesystem } from "../support/users-filesystem.ts";
import { type Backup, Fixture, file, folder, noise, type RestoreWishes } from "./support.ts";

const MiB = 1024 * 1024;

/** Restores with a folder `local` of the scratch folder, and counts gets of content. */
async function restored(fixture: Fixture, backup: Backup, wishes: RestoreWishes = {}) {
  let gets = 0;
  const bucket: NonNullable<RestoreWishes["bucket"]> = {
    get(key, options) {
      if (!key.startsWith("manifests/")) gets += 1;
      return fixture.bucket.get(key, options);
    },
  };
  const figures = await fixture.restore(backup, { bucket, fromLocal: join(fixture.scratch.path, "local"), ...wishes });
  return { figures, gets };
}

async function lay(fixture: Fixture, files: Record<string, Uint8Array>): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) {
    const at = join(fixture.scratch.path, "local", path);
    await mkdir(join(at, ".."), { recursive: true });
    await writeFile(at, bytes);
  }
}

const [one, two, three] = [noise(MiB), noise(MiB), noise(MiB)];
const whole = Buffer.concat([one, two, three]);
const items = [folder("/"), folder("/d"), file("/d/large", [one, two, three]), file("/d/small", "small")];

describe("--from-local", () => {
  test("what lies there is not fetched, and has the metadata of the backup", async () => {
    await using fixture = await Fixture.open();
    await lay(fixture, { "d/large": whole, "d/small": Buffer.from("small") });
    const { figures, gets } = await restored(fixture, await fixture.backup(items));
    expect(gets).toBe(0);
    expect(figures).toMatchObject({ files: 2, bytes: 0, localBytes: 3 * MiB + 5 });
    expect((await readFile(fixture.at("/d/large"))).equals(whole)).toBe(true);
    expect((await stat(fixture.at("/d/large"))).mtimeMs).toBeCloseTo(1_700_000_000_123.4568, 3);
    const inode = async (path: string) => (await stat(path)).ino;
    expect(await inode(fixture.at("/d/large"))).not.toBe(await inode(join(fixture.scratch.path, "local/d/large")));
  });

  test("only the chunk that differs is fetched of a file that has changed in its middle", async () => {
    await using fixture = await Fixture.open();
    await lay(fixture, { "d/large": Buffer.concat([one, noise(MiB), three]), "d/small": Buffer.from("sm") });
    const { figures } = await restored(fixture, await fixture.backup(items, { perFrame: 1 }));
    expect(figures).toMatchObject({ bytes: MiB + 5, localBytes: 2 * MiB });
    expect((await readFile(fixture.at("/d/large"))).equals(whole)).toBe(true);
    expect(await fixture.read("/d/small")).toBe("small");
  });

  test("the beginning of a file that has grown is taken", async () => {
    await using fixture = await Fixture.open();
    await lay(fixture, { "d/large": Buffer.concat([one, two]) });
    const { figures } = await restored(fixture, await fixture.backup(items, { perFrame: 1 }));
    expect(figures.localBytes).toBe(2 * MiB);
    expect((await readFile(fixture.at("/d/large"))).equals(whole)).toBe(true);
  });

  test("the size and time of a file say nothing: one with other bytes is fetched", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    await fixture.restore(backup, { target: join(fixture.scratch.path, "local") });
    const local = join(fixture.scratch.path, "local/d/small");
    const { atime, mtime } = await stat(local);
    await writeFile(local, "SMALL");
    await utimes(local, atime, mtime);
    await restored(fixture, backup);
    expect(await fixture.read("/d/small")).toBe("small");
  });

  test("holes of the backup stay holes, whatever lies in their place", async () => {
    await using fixture = await Fixture.open();
    const sparse = file("/s", [one], { holes: [[MiB, 8 * MiB]] });
    await lay(fixture, { s: Buffer.concat([one, noise(8 * MiB)]) });
    const { gets } = await restored(fixture, await fixture.backup([sparse]));
    expect(gets).toBe(0);
    const { size, blocks } = await stat(fixture.at("/s"));
    expect([size, blocks < 3000]).toEqual([9 * MiB, true]);
    expect((await readFile(fixture.at("/s"))).subarray(MiB).every((byte) => byte === 0)).toBe(true);
  });

  test("hundreds of files of which a part is there are restored without running out of descriptors", async () => {
    await using fixture = await Fixture.open();
    const many = Array.from({ length: 300 }, (_, number) => ({ path: `/f${number}`, chunks: [noise(50), noise(50)] }));
    await lay(fixture, Object.fromEntries(many.map(({ path, chunks }) => [path, chunks[0] ?? Buffer.alloc(0)])));
    const backup = await fixture.backup(many.map(({ path, chunks }) => file(path, chunks)));
    const { figures } = await restored(fixture, backup);
    expect(figures).toMatchObject({ files: 300, errors: 0 });
    for (const { path, chunks } of many) {
      expect((await readFile(fixture.at(path))).equals(Buffer.concat(chunks))).toBe(true);
    }
  });

  test("a restore goes on with what a broken one has left elsewhere", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    await fixture.restore(backup, { target: join(fixture.scratch.path, "local"), paths: ["/d/large"] });
    const { gets, figures } = await restored(fixture, backup);
    expect(gets).toBe(1);
    expect(figures.localBytes).toBe(3 * MiB);
  });

  test("lost content that lies on the disk is restored", async () => {
    await using fixture = await Fixture.open();
    await lay(fixture, { "d/large": whole });
    const backup = await fixture.backup(items);
    await fixture.lose(backup.objects[0]?.key ?? "");
    const { figures } = await restored(fixture, backup);
    expect(figures).toMatchObject({ files: 1, errors: 1 });
    expect((await readFile(fixture.at("/d/large"))).equals(whole)).toBe(true);
  });

  test("a folder that is not there is bad usage", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items);
    await expect(restored(fixture, backup, { fromLocal: "/not/there" })).rejects.toMatchObject({ exit: 2 });
  });

  const xfs = mayMount && Bun.which("mkfs.xfs") !== null;
  test.skipIf(!xfs)("on a filesystem that can, content is shared and takes no more room", async () => {
    await using fixture = await Fixture.open();
    const [image, mounted] = [join(fixture.scratch.path, "image"), join(fixture.scratch.path, "xfs")];
    await mkdir(mounted);
    for (const command of [
      ["truncate", "-s", "320M", image],
      ["mkfs.xfs", "-q", "-m", "reflink=1", image],
      ["mount", "-o", "loop", image, mounted],
    ]) {
      expect([command, Bun.spawnSync(command).stderr.toString()]).toEqual([command, ""]);
    }
    try {
      await mkdir(join(mounted, "old"));
      await writeFile(join(mounted, "old/large"), whole);
      const backup = await fixture.backup([file("/large", [one, two, three])]);
      const target = join(mounted, "new");
      const { gets } = await restored(fixture, backup, { fromLocal: join(mounted, "old"), target });
      expect(gets).toBe(0);
      expect((await readFile(join(target, "large"))).equals(whole)).toBe(true);
      const extents = Bun.spawnSync(["filefrag", "-v", join(target, "large")]).stdout.toString();
      expect(extents).toContain("shared");
    } finally {
      Bun.spawnSync(["umount", mounted]);
    }
  });
});

describe("a local folder that somebody else fills", () => {
  attack(
    {
      by: "U",
      what: "the folder of `--from-local` has fifos, links to secrets and folders in the places of files",
      before: "there was no `--from-local`",
      now: "none of them is opened or waited for, and all content is fetched",
    },
    async () => {
      await using fixture = await Fixture.open();
      const local = join(fixture.scratch.path, "local");
      await mkdir(join(local, "e/a folder"), { recursive: true });
      await mkdir(join(fixture.outside));
      await writeFile(join(fixture.outside, "linked"), "linked");
      await symlink(fixture.outside, join(local, "d"));
      await symlink(join(fixture.outside, "linked"), join(local, "e/link"));
      Bun.spawnSync(["mkfifo", join(local, "e/fifo")]);
      const names = ["/e/link", "/e/fifo", "/e/a folder", "/d/linked"];
      const wanted = names.map((path) => file(path, "linked"));
      const { figures, gets } = await restored(fixture, await fixture.backup([folder("/d"), folder("/e"), ...wanted]));
      expect(gets).toBe(1);
      expect(figures).toMatchObject({ files: 4, localBytes: 0, errors: 0 });
    },
  );

  attack(
    {
      by: "U",
      what: "a file of `--from-local` changes all the time while it is taken",
      before: "there was no `--from-local`",
      now: "what counts is the digest of the copy, so the restored file is that of the backup",
    },
    async () => {
      await using fixture = await Fixture.open();
      await lay(fixture, { "d/large": whole });
      const path = join(fixture.scratch.path, "local/d/large");
      const script = `while :; do printf X | dd of='${path}' bs=1 seek=1500000 conv=notrunc; printf '\\\\x${whole.subarray(1_500_000, 1_500_001).toString("hex")}' | dd of='${path}' bs=1 seek=1500000 conv=notrunc; done`;
      const vandal = Bun.spawn(["bash", "-c", script], { stdout: "ignore", stderr: "ignore" });
      try {
        const backup = await fixture.backup(items, { perFrame: 1 });
        for (let round = 0; round < 20; round += 1) {
          await rm(fixture.target, { recursive: true, force: true });
          await restored(fixture, backup);
          expect((await readFile(fixture.at("/d/large"))).equals(whole)).toBe(true);
        }
      } finally {
        vandal.kill(9);
        await vandal.exited;
      }
    },
  );

  attack(
    {
      by: "U",
      what: "a FUSE filesystem lies in the folder of `--from-local`",
      before: "there was no `--from-local`",
      now: "it is not asked for anything",
    },
    async () => {
      await using fixture = await Fixture.open();
      const local = join(fixture.scratch.path, "local");
      await mkdir(join(local, "d"), { recursive: true });
      await using _ = await usersFilesystem(join(local, "d"));
      const { figures } = await restored(fixture, await fixture.backup([folder("/d"), file("/d/secret", "x")]));
      expect(figures).toMatchObject({ files: 1, localBytes: 0, errors: 0 });
    },
    { skip: !mayMountForUser },
  );
});
