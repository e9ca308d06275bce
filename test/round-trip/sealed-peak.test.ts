/** The memory of sealed archives and restores: of packs, what `age` makes lies in buffers that are used again. */
import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { sysbackup, writeConf } from "../support/program.ts";

/** MiB: twice of what is in use together, as the collector of a busy machine comes late. */
const most = 256;

test.skipIf(Bun.which("age") === null)(
  `a sealed dump of 320 MiB that cannot be compressed goes in and out in ${most} MiB`,
  async () => {
    await using place = await scratch();
    const keys = join(place.path, "keys");
    await sysbackup(["keygen", keys]);
    const encryption = { recipients_file: join(keys, "recipients"), secret_file: join(keys, "secret") };
    const sum = join(place.path, "sum");
    const { conf } = await writeConf(place.path, {
      sections: { encryption },
      snapshotters: {
        long: `echo "::restore-through:: sha256sum > '${sum}.out'"\nhead -c 320M /dev/urandom | tee /dev/fd/3 | sha256sum > '${sum}.in'`,
      },
    });
    const archived = await sysbackupPeak(["archive", "--conf-dir", conf]);
    expect({ exit: archived.exit, stderr: archived.stderr }).toEqual({ exit: 0, stderr: "" });
    const identity = ["--identity", join(keys, "identity")];
    const words = ["--target", join(place.path, "target"), "--snapshots", "run", "--yes"];
    const restored = await sysbackupPeak(["restore", "test", "--conf-dir", conf, ...words, ...identity]);
    expect(restored.exit).toBe(0);
    expect(await readFile(`${sum}.out`, "utf8")).toBe(await readFile(`${sum}.in`, "utf8"));
    console.log(`archive ${archived.peakMiB} MiB, restore ${restored.peakMiB} MiB`);
    expect(archived.peakMiB).toBeLessThanOrEqual(most);
    expect(restored.peakMiB).toBeLessThanOrEqual(most);
  },
  300_000,
);
