import { expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../../support/faults/scratch.ts";
import { startSysbackup, sysbackup, writeConf } from "../../support/program.ts";
import { noise } from "./noise.ts";

const mebibyte = 1024 ** 2;
const size = 24 * mebibyte;
/** Each has one frame, as a frame is larger than what a pack should have here. */
const packs = size / (1.5 * mebibyte);

/** Keys in a folder of a bucket that is a directory, without the records beside them. */
async function packsIn(bucket: string): Promise<number> {
  const names = await readdir(join(bucket, "packs")).catch(() => []);
  return names.filter((name) => name.endsWith(".zst")).length;
}

test.each([1, 5, 11])(
  "after a kill in the middle of a dump, when %i packs are stored, the next run completes and stores only the rest",
  async (stored) => {
    await using place = await scratch();
    const database = join(place.path, "database");
    await Bun.write(database, noise(size));
    const { conf, bucket } = await writeConf(join(place.path, "home"), {
      sections: { content: { pack_size: mebibyte } },
      // Slow enough to be killed in between.
      snapshotters: {
        db: `for at in $(seq 0 23); do tail -c +$((at * ${mebibyte} + 1)) '${database}' | head -c ${mebibyte}; sleep 0.05; done >&3`,
      },
    });
    const child = startSysbackup(["archive", "--conf-dir", conf]);
    while ((await packsIn(bucket)) < stored && child.exitCode === null) await Bun.sleep(2);
    child.kill("SIGKILL");
    await child.exited;
    const before = await packsIn(bucket);
    expect(before).toBeWithin(stored, packs);
    expect((await readdir(join(bucket, "manifests/test")).catch(() => [])).filter((name) => /^\d/.test(name))).toEqual(
      [],
    );

    const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf]);
    expect([exit, stderr]).toEqual([0, expect.not.stringContaining("state-rebuilt")]);
    // Of what was under way, the answer may have been lost.
    expect(await packsIn(bucket)).toBeWithin(packs, packs + 6);
    const target = join(place.path, "target");
    expect(
      (await sysbackup(["restore", "test", "--conf-dir", conf, "--target", target, "--snapshots", "fetch"])).exit,
    ).toBeOneOf([0, 3]);
    expect((await readFile(join(target, "sysbackup-snapshots/db"))).equals(noise(size))).toBe(true);
    expect((await sysbackup(["verify", "--conf-dir", conf, "--read-data"])).exit).toBe(0);
  },
  120_000,
);
