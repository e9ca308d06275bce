/** An age that fails at the end. Not beside other tests, as it is found by the PATH of the process. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { openWith, sealFor } from "../../../core/sealing/use.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { script } from "../archive/scripts.ts";
import { SealedRig, tools } from "./rig.ts";

test.skipIf(Bun.which("age") === null)(
  "an age that opens all of a root, a part or a dump, and then fails, has opened none of them",
  async () => {
    await using sealed = await SealedRig.make();
    await using programs = await scratch();
    await script(join(sealed.rig.path, "snapshots.d"), "db", "echo a dump >&3");
    using _sealing = await sealFor([sealed.recipient], () => {});
    await sealed.archive();
    using _opening = await openWith(sealed.identityFile, tools);
    const calls = join(programs.path, "calls");
    /** Restores with an age that ends well so many times. */
    const restored = async (well: number) => {
      const age = `'${Bun.which("age")}' "$@"; echo >> '${calls}'; test $(wc -l < '${calls}') -le ${well}`;
      await Promise.all([script(programs.path, "age", age), Bun.write(calls, "")]);
      const path = process.env.PATH;
      process.env.PATH = `${programs.path}:${path}`;
      try {
        return (await sealed.restored()).errors;
      } finally {
        process.env.PATH = path;
      }
    };
    await expect(restored(0)).rejects.toThrow("age exited with status 1");
    const lost = [/ entries from .*age exited with status 1/, /the snapshot "db": .*age exited with status 1/];
    const failed = lost.map((words) => expect.stringMatching(words));
    expect(await restored(1)).toEqual(failed);
    // The root and the part of the files are opened, and then that of the dump.
    expect(await restored(2)).toEqual(failed.slice(1));
    expect(await restored(3)).toEqual(failed.slice(1));
    expect(await restored(4)).toEqual([]);
  },
);
