/** `restore --delete` into the running machine's `/`, by whatever name. The bucket is missing, so that nothing could be restored or removed. */
import { describe, expect, test } from "bun:test";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../../support/faults/scratch.ts";
import { programInShell, sysbackup } from "../../support/program.ts";
import { has, isRoot } from "../../support/services.ts";

/** Runs it with `--delete`, after `before` in a mount namespace of its own. */
async function restoreWithDelete(folder: string, target: string, before = "") {
  await mkdir(join(folder, "conf"));
  await writeFile(join(folder, "conf/conf"), `[s3]\nbucket = file://${folder}/nowhere\n`);
  const args = ["restore", "web1", "--conf-dir", join(folder, "conf"), "--target", target, "--delete", "--yes"];
  if (before === "") return await sysbackup(args);
  const executable = join(folder, "in-namespace");
  await writeFile(
    executable,
    `#!/bin/sh\nexec unshare --mount sh -ec '${before}; exec "$@"' sh ${programInShell} "$@"\n`,
    {
      mode: 0o755,
    },
  );
  return await sysbackup(args, { executable });
}

const refused = {
  exit: 2,
  stderr: expect.stringContaining("--delete: the running system has files that no backup has"),
};

describe("restore --delete", () => {
  test("a target that is a link to / is refused", async () => {
    await using place = await scratch();
    const target = join(place.path, "link");
    await symlink("/", target);
    expect(await restoreWithDelete(place.path, target)).toMatchObject(refused);
  });

  test("a target that is / by way of /proc is refused", async () => {
    await using place = await scratch();
    expect(await restoreWithDelete(place.path, "/proc/self/root")).toMatchObject(refused);
  });

  test.skipIf(!isRoot || !has("unshare"))("a target to which / is bound by a mount is refused", async () => {
    await using place = await scratch();
    const target = join(place.path, "mount");
    await mkdir(target);
    const { exit, stderr } = await restoreWithDelete(place.path, target, `mount --bind / "${target}"`);
    expect({ exit, stderr }).toMatchObject(refused);
  });

  test.skipIf(!isRoot || !has("unshare"))("twin: a target to which another folder is bound is not", async () => {
    await using place = await scratch();
    const target = join(place.path, "mount");
    await mkdir(target);
    const { exit, stderr } = await restoreWithDelete(place.path, target, `mount --bind "${place.path}" "${target}"`);
    expect(exit).not.toBe(2);
    expect(stderr).toContain("nowhere");
    expect(stderr).not.toContain("running system");
  });
});
