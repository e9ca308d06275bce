/** A bucket on a disk that is not mounted: the folder is there, and empty. */
import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { openDirectoryBucket } from "../../../../core/bucket/directory/bucket.ts";
import { mayMount } from "../../../support/faults/disk-full.ts";
import { Rig } from "../rig.ts";

const call = (...command: string[]) => expect(Bun.spawnSync(command).exitCode).toBe(0);

test.skipIf(!mayMount)(
  "a bucket whose disk is not mounted is refused, and nothing is put below the mount point",
  async () => {
    await using rig = await Rig.make();
    await rig.write("file", "file");
    const mountPoint = join(rig.path, "bucket");
    call("mount", "-t", "tmpfs", "tmpfs", mountPoint);
    const open = () => openDirectoryBucket(mountPoint, { now: rig.now, random: Math.random });
    try {
      const bucket = await open();
      await rig.run({ around: () => bucket });
      expect((await Array.fromAsync(bucket.list(""))).flat().length).toBeGreaterThan(2);
      // Kept by another mount, so that the disk outlives being unmounted here.
      call("mkdir", `${mountPoint}-away`);
      call("mount", "--bind", mountPoint, `${mountPoint}-away`);
      call("umount", mountPoint);
      const unmounted = await open();
      const refused = await rig.run({ around: () => unmounted }).catch((error: unknown) => error);
      expect(String(refused)).toContain(
        `cannot archive into "file://${mountPoint}": it is empty, and the disk that this machine's backups are on is not mounted there; mount that disk`,
      );
      expect(await readdir(mountPoint)).toEqual([]);
    } finally {
      Bun.spawnSync(["umount", mountPoint]);
      Bun.spawnSync(["umount", `${mountPoint}-away`]);
    }
  },
);

test("an empty bucket is begun if there are as many mounts as ever", async () => {
  await using rig = await Rig.make();
  await rig.write("file", "file");
  expect((await rig.run()).summary).toMatchObject({ new: 1, warnings: 0, errors: 0 });
});
