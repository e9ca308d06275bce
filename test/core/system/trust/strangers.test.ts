import { describe, expect, test } from "bun:test";
import { chmod, chown, lchown, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { strangerOnTheWay } from "../../../../core/system/trust/strangers.ts";
import { type Scratch, scratch } from "../../../support/faults/scratch.ts";
import { isRoot } from "../../../support/services.ts";

const stranger = 54_321;
const root = 0;

/** `a/b/c` in a folder of root's. */
async function folders(): Promise<Scratch & { readonly target: string }> {
  const folder = await scratch();
  const target = join(folder.path, "a", "b", "c");
  await mkdir(target, { recursive: true });
  return { ...folder, target };
}

describe.skipIf(!isRoot)("on the way to a path,", () => {
  test("folders of root alone let no stranger change it", async () => {
    await using at = await folders();
    expect(await strangerOnTheWay(at.target, root)).toBeUndefined();
  });

  test("a folder of the user in question is not a stranger's", async () => {
    await using at = await folders();
    await chown(join(at.path, "a"), stranger, root);
    expect(await strangerOnTheWay(at.target, stranger)).toBeUndefined();
  });

  test("a stranger's folder is found, also if the path does not exist", async () => {
    await using at = await folders();
    await chown(join(at.path, "a"), stranger, root);
    const found = { path: join(at.path, "a"), how: `belongs to user ${stranger}` };
    expect(await strangerOnTheWay(at.target, root)).toEqual(found);
    expect(await strangerOnTheWay(join(at.path, "a", "nothing", "here"), root)).toEqual(found);
  });

  test("the path's own folder is not judged", async () => {
    await using at = await folders();
    await chown(at.target, stranger, root);
    expect(await strangerOnTheWay(at.target, root)).toBeUndefined();
  });

  const modes: [what: string, mode: number, gid: number, how: string | undefined][] = [
    ["that every user can write", 0o777, root, "can be changed by every user"],
    ["that a group can write", 0o775, stranger, `can be changed by the group ${stranger}`],
    ["that root's group can write", 0o775, root, undefined],
    ["that every user can write, sticky as /tmp is,", 0o1777, root, undefined],
    ["that every user can read", 0o755, stranger, undefined],
  ];
  test.each(modes)("a folder %s is judged by its mode", async (_, mode, gid, how) => {
    await using at = await folders();
    const path = join(at.path, "a");
    await chown(path, root, gid);
    await chmod(path, mode);
    expect(await strangerOnTheWay(at.target, root)).toEqual(how === undefined ? undefined : { path, how });
  });

  test("a link of root's is followed, to a stranger's folder too", async () => {
    await using at = await folders();
    await symlink("a", join(at.path, "link"));
    expect(await strangerOnTheWay(join(at.path, "link", "b", "c"), root)).toBeUndefined();
    await chown(join(at.path, "a"), stranger, root);
    expect(await strangerOnTheWay(join(at.path, "link", "b", "c"), root)).toMatchObject({ path: join(at.path, "a") });
  });

  test("a link in a sticky folder is a stranger's if the stranger made it", async () => {
    await using at = await folders();
    await chmod(at.path, 0o1777);
    const link = join(at.path, "link");
    await symlink(join(at.path, "a"), link);
    expect(await strangerOnTheWay(join(link, "b"), root)).toBeUndefined();
    await lchown(link, stranger, stranger);
    expect(await strangerOnTheWay(join(link, "b"), root)).toEqual({ path: link, how: `belongs to user ${stranger}` });
  });

  test("steps back and links without end are followed as the kernel does", async () => {
    await using at = await folders();
    expect(await strangerOnTheWay(`${at.path}/a/../a/./b//c`, root)).toBeUndefined();
    await symlink("loop", join(at.path, "loop"));
    const endless = await strangerOnTheWay(join(at.path, "loop", "x"), root).catch((error: unknown) => String(error));
    expect(endless).toContain("too many links");
  });
});
