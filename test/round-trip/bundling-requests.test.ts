/** What runs of bundles ask of the bucket, and send: the first, one in which nothing changed, and one in which one folder did. */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup } from "../support/program.ts";
import { places } from "./places.ts";

const KiB = 1024;
const folders = 5;
const bytesEach = 200 * KiB;

const summary = z.object({
  bundles: z.object({ bundles: z.number(), stored: z.number(), bytesRead: z.number(), bytesStored: z.number() }),
  requests: z.object({
    ...{ put: z.number(), get: z.number(), head: z.number(), list: z.number(), extend: z.number() },
    ...{ sent: z.number(), received: z.number() },
  }),
});

async function bundled(conf: string) {
  const { exit, stdout, stderr } = await sysbackup(["bundle", "--conf-dir", conf, "--json"]);
  if (exit !== 0) throw new Error(stderr);
  return summary.parse(JSON.parse(stdout));
}

for (const place of places) {
  describe.skipIf(place.absent)(place.name, () => {
    test(`a run of unchanged bundles sends its root alone, and a change costs the bundle that it is in: ${place.name}`, async () => {
      await using dir = await scratch();
      const tree = join(dir.path, "tree");
      for (let number = 0; number < folders; number += 1) {
        await mkdir(join(tree, String(number)), { recursive: true });
        await writeFile(join(tree, String(number), "file"), randomBytes(bytesEach));
      }
      // What was written within the clock's grain is read again by the next run.
      await Bun.sleep(2_100);
      const bundle = { path: tree, depth: "1", storage_class: "STANDARD", keyfile: join(dir.path, "key") };
      const { conf } = await place.configure(dir.path, { sections: { "bundle all": bundle }, pickers: {} });

      const first = await bundled(conf);
      // One for each folder, and one for what lies above them.
      expect(first.bundles).toMatchObject({ bundles: folders + 1, stored: folders + 1 });
      expect(first.requests.sent).toBeGreaterThan(folders * bytesEach);

      const again = await bundled(conf);
      expect(again.bundles).toEqual({ bundles: folders + 1, stored: 0, bytesRead: 0, bytesStored: 0 });
      expect(again.requests).toMatchObject({ put: 1, get: 0, head: 0, extend: 0 });
      expect(again.requests.list).toBeLessThanOrEqual(2);
      expect(again.requests.sent).toBeLessThan(8 * KiB);

      await writeFile(join(tree, "3", "file"), randomBytes(bytesEach));
      await Bun.sleep(2_100);
      const changed = await bundled(conf);
      expect(changed.bundles).toMatchObject({ stored: 1, bytesRead: bytesEach });
      // The bundle, its table of contents, the index and the root.
      expect(changed.requests.put).toBeLessThanOrEqual(4);
      expect(changed.requests.sent).toBeLessThan(bytesEach + 16 * KiB);
    }, 300_000);
  });
}
