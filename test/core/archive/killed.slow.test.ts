import { expect, test } from "bun:test";
import { join } from "node:path";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { startSysbackup, sysbackup, writeConf } from "../../support/program.ts";
import { readBackup } from "./backup.ts";
import { noise } from "./noise.ts";

const mebibyte = 1024 ** 2;
const files = 24;
/** Each a little later than the one before: from the start of the program to behind its end. */
const kills = 8;

test("after a kill at any moment, the next run completes and puts nothing twice that it knows of", async () => {
  await using place = await scratch();
  for (let number = 0; number < files; number += 1) {
    await Bun.write(join(place.path, "files", `${number}`), noise(mebibyte, number));
  }
  const setUp = (name: string) =>
    writeConf(join(place.path, name), {
      sections: { content: { pack_size: mebibyte } },
      pickers: { all: `find '${place.path}/files'` },
    });
  const { conf: warm } = await setUp("warm");
  const started = performance.now();
  expect((await sysbackup(["archive", "--conf-dir", warm])).exit).toBe(0);
  const duration = performance.now() - started;

  let roots = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const { conf, bucket: path } = await setUp(`kill${kill}`);
    const child = startSysbackup(["archive", "--conf-dir", conf]);
    await Promise.race([Bun.sleep((duration * (kill + 1)) / kills), child.exited]);
    child.kill("SIGKILL");
    await child.exited;
    const bucket = await openDirectoryBucket(path, { now: () => new Date(), random: Math.random });
    const keys = async (prefix: string) => (await Array.fromAsync(bucket.list(prefix))).flat().map(({ key }) => key);
    const rootsNow = async () => (await keys("manifests/test/")).filter((key) => !key.includes("/parts/"));
    roots += (await rootsNow()).length;

    const { exit, stderr } = await sysbackup(["archive", "--conf-dir", conf]);
    expect([exit, stderr]).toEqual([0, expect.not.stringContaining("state-rebuilt")]);
    const root = (await rootsNow()).at(-1) ?? "";
    const backup = await readBackup(bucket, root, (await bucket.head(root))?.version ?? "");
    for (let number = 0; number < files; number += 1) {
      expect((await backup.read(join(place.path, "files", `${number}`))).equals(noise(mebibyte, number))).toBe(true);
    }
    const versions = (await Array.fromAsync(bucket.listVersions("packs/"))).flat();
    // Of what was under way, the answer may have been lost.
    expect(versions.length).toBeWithin(files, files + 4);
  }
  // Some were killed before their end: else this has tested nothing.
  expect(roots).toBeLessThan(kills);
});
