/** Flags that `chattr` sets: kept, restored last, and named when they are in the way. */
import { describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { fromText } from "../../../core/format/path.ts";
import { lstat } from "../../../core/system/filesystem/stat.ts";
import { exitOf } from "../../../restore/restore.ts";
import { Rig } from "../../core/archive/rig.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { Fixture, file, folder, isRoot } from "../support.ts";

const [immutable, appendOnly, noDump] = [0x10, 0x20, 0x40];

const chattr = (...args: string[]) => Bun.spawnSync(["chattr", ...args]).exitCode === 0;

async function probe(): Promise<boolean> {
  await using place = await scratch();
  const path = `${place.path}/probe`;
  await writeFile(path, "");
  return chattr("+i", path) && chattr("-i", path);
}

const mayFlag = isRoot && Bun.which("chattr") !== null && (await probe());

const flagsAt = (path: string) => lstat(fromText(path)).flags;

/** A fixture whose target can be removed afterwards, whatever flags are set in it. */
async function open(): Promise<Fixture> {
  const fixture = await Fixture.open();
  const dispose = fixture[Symbol.asyncDispose].bind(fixture);
  return Object.assign(fixture, {
    [Symbol.asyncDispose]: async () => {
      chattr("-R", "-f", "-iad", fixture.target);
      await dispose();
    },
  });
}

describe.skipIf(!mayFlag)("flags of files and folders", () => {
  test("flags of files and folders are kept by archive", async () => {
    await using rig = await Rig.make();
    for (const name of ["i/x", "a", "d", "plain"]) await rig.write(name, name);
    try {
      expect([chattr("+i", rig.file("i")), chattr("+a", rig.file("a")), chattr("+d", rig.file("d"))]).toEqual([
        true,
        true,
        true,
      ]);
      const { backup } = await rig.run();
      const kept = ["i", "i/x", "a", "d", "plain"].map((name) => backup.entries.get(rig.file(name))?.flags);
      expect(kept).toEqual([immutable, undefined, appendOnly, noDump, undefined]);
    } finally {
      chattr("-R", "-iad", rig.file());
    }
  });

  test("flags of files and folders are restored after all else, and a second restore finds nothing to do", async () => {
    await using fixture = await open();
    const items = [
      folder("/"),
      folder("/locked", { flags: immutable }),
      file("/locked/inner", "inner", { flags: immutable | noDump }),
      file("/log", "log", { flags: appendOnly }),
      file("/name1", "names", { flags: immutable, hardLink: "/name1" }),
      file("/name2", "names", { flags: immutable, hardLink: "/name1" }),
      file("/plain", "plain"),
    ];
    const backup = await fixture.backup(items);
    expect([exitOf(await fixture.restore(backup)), fixture.complaints]).toEqual([0, []]);
    const flags = ["/locked", "/locked/inner", "/log", "/name1", "/name2", "/plain"].map((path) =>
      flagsAt(fixture.at(path)),
    );
    expect(flags).toEqual([immutable, immutable | noDump, appendOnly, immutable, immutable, 0]);
    expect(lstat(fromText(fixture.at("/name1"))).links).toBe(2);
    const again = await fixture.restore(backup);
    expect([exitOf(again), again.files, again.unchanged]).toEqual([0, 0, 5]);
  });

  test("flags of a file that is right but for its metadata do not keep it from being corrected", async () => {
    await using fixture = await open();
    await fixture.restore(await fixture.backup([folder("/"), file("/x", "x", { flags: immutable })]));
    const other = await fixture.backup([folder("/"), file("/x", "x", { mode: 0o600, flags: noDump })]);
    expect([exitOf(await fixture.restore(other)), fixture.complaints]).toEqual([0, []]);
    const { mode, flags } = lstat(fromText(fixture.at("/x")));
    expect([mode, flags]).toEqual([0o600, noDump]);
  });

  test("flags in the way are named as the reason, in a file's place and on its folder", async () => {
    await using fixture = await open();
    await mkdir(fixture.at("/d"), { recursive: true });
    await mkdir(fixture.at("/e"));
    await writeFile(fixture.at("/d/x"), "other");
    expect(chattr("+i", fixture.at("/d/x")) && chattr("+i", fixture.at("/e"))).toBe(true);
    const items = [folder("/"), folder("/d"), file("/d/x", "x"), file("/d/y", "y"), folder("/e"), file("/e/z", "z")];
    const figures = await fixture.restore(await fixture.backup(items));
    expect(fixture.complaints).toContain(
      'cannot restore "/d/x": what is in its place is immutable or append-only (chattr); clear that with chattr -ia, and run again',
    );
    expect(fixture.complaints.join("\n")).not.toContain('"/e/z": operation not permitted; run as root');
    expect(await fixture.read("/d/y")).toBe("y");
    expect(await fixture.read("/d/x")).toBe("other");
    expect(exitOf(figures)).toBe(3);
  });
});

describe("an ACL that cannot be set", () => {
  test.each([
    [
      "the group gets what the ACL gives the group, not the mask",
      "user::rw-\nuser:nobody-has-this-name:rwx\ngroup::r--\nmask::rwx\nother::---",
      0o670,
      0o640,
    ],
    [
      "the mask limits the group",
      "user::rw-\nuser:nobody-has-this-name:rwx\ngroup::rwx\nmask::r--\nother::---",
      0o640,
      0o640,
    ],
    ["the group gets nothing from a text that is no ACL", "nonsense", 0o670, 0o600],
  ])("an ACL that cannot be set widens no access: %s", async (_, access, mode, restored) => {
    await using fixture = await Fixture.open();
    const figures = await fixture.restore(
      await fixture.backup([folder("/"), file("/x", "x", { mode, acl: { access } })]),
    );
    expect(lstat(fromText(fixture.at("/x"))).mode).toBe(restored);
    expect(fixture.complaints).toEqual([expect.stringContaining('cannot set the ACL of "/x"')]);
    expect(exitOf(figures)).toBe(3);
  });
});
