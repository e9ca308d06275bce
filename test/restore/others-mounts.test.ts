/** Filesystems that are mounted in a target, by root or by another user. */
import { describe, expect, test } from "bun:test";
import { lstatSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { exitOf } from "../../restore/restore.ts";
import { attack } from "../support/attack.ts";
import { diskFull, mayMount } from "../support/faults/disk-full.ts";
import { run } from "../support/services/command.ts";
import { mayMountForUser, usersFilesystem } from "../support/users-filesystem.ts";
import { give, mayAct, modeOf, neighbour, openFixture, root } from "./neighbour.ts";
import { type Fixture, file, folder } from "./support.ts";

const MiB = 1024 * 1024;

describe.skipIf(!mayAct || !mayMount)("a mount in the target", () => {
  /** Restores `/boot`, of this owner, onto a filesystem of its own. */
  async function onto(fixture: Fixture, mount: string, owner: typeof root) {
    const items = [folder("/"), folder("/boot", { owner, mode: 0o700 }), folder("/boot/d", { owner: root })];
    const backup = await fixture.backup([...items, file("/boot/x", "x"), file("/boot/d/y", "y"), file("/z", "z")]);
    await mkdir(fixture.at("/boot"), { recursive: true });
    await run(["mount", "--bind", mount, fixture.at("/boot")]);
    try {
      const figures = await fixture.restore(backup);
      return { figures, owner: lstatSync(fixture.at("/boot")).uid, mode: modeOf(fixture.at("/boot")) };
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
