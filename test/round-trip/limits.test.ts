/** Limits of bytes per second, as users see them. Bounds are coarse: other programs may slow the machine, nothing makes it faster. */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { startSysbackup, sysbackup } from "../support/program.ts";
import { archive, restore } from "./loop.ts";
import { type Place, places } from "./places.ts";

const minutes = 60_000;
const MiB = 1024 ** 2;
const content = randomBytes(2 * MiB);

async function prepare(place: Place, dir: string, limits: Record<string, string>) {
  await mkdir(join(dir, "tree"));
  await writeFile(join(dir, "tree/file"), content);
  const pickers = { all: `exec find '${dir}/tree' -print0` };
  const { conf } = await place.configure(dir, { pickers });
  const text = await readFile(join(conf, "conf"), "utf8");
  const lines = Object.entries(limits).map(([key, value]) => `${key} = ${value}`);
  await writeFile(join(conf, "conf"), text.replace(/^\[s3\]$/m, ["[s3]", ...lines].join("\n")));
  return conf;
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return (performance.now() - began) / 1000;
}

for (const place of places) {
  describe.skipIf(place.absent)(`with limits, in ${place.name},`, () => {
    test(
      "2 MiB at 512 KiB a second take four seconds to archive, to verify and to restore",
      async () => {
        await using dir = await scratch();
        const conf = await prepare(place, dir.path, {
          upload_limit: "512K",
          download_limit: "512K",
          max_requests: "1",
        });
        expect(await timed(() => archive(conf))).toBeGreaterThan(3.6);
        const verify = async () => {
          const { exit, stderr } = await sysbackup(["verify", "--read-data", "--conf-dir", conf]);
          expect([exit, stderr]).toEqual([0, expect.any(String)]);
        };
        expect(await timed(verify)).toBeGreaterThan(3.6);
        const target = join(dir.path, "target");
        expect(await timed(() => restore(conf, "test", target))).toBeGreaterThan(3.6);
        expect(Buffer.compare(await readFile(join(target, dir.path, "tree/file")), content)).toBe(0);
      },
      2 * minutes,
    );

    test(
      "Ctrl-C ends an archive that waits for its limit",
      async () => {
        await using dir = await scratch();
        const conf = await prepare(place, dir.path, { upload_limit: "64K" });
        const child = startSysbackup(["archive", "--conf-dir", conf]);
        const output = Promise.all([child.stdout.text(), child.stderr.text()]);
        // The pack of 2 MiB takes half a minute.
        await Bun.sleep(4_000);
        const exited = await timed(async () => {
          child.kill("SIGINT");
          await child.exited;
        });
        await output;
        expect(child.exitCode).toBe(130);
        expect(exited).toBeLessThan(5);
      },
      2 * minutes,
    );
  });
}
