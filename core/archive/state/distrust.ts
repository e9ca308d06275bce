/**
 * Objects that a verification found damaged count as unknown on this host from now on: its next archive reads the files that
 * need them and stores them again, instead of relying on the damage for ever.
 */
import { existsSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { statePath } from "./database.ts";
import { lockState, makeStateDir } from "./folder.ts";
import { ObjectTable } from "./objects.ts";
import { bucketIdentity, withStateDatabase } from "./use.ts";

type Damaged = { readonly key: string; readonly version: string };

/**
 * Notes the damage. Returns how many of the objects this host relied on; 0 on a machine without a state database of this
 * backup name. Throws a Failure if an archive is running, and the errors of `withStateDatabase`.
 */
export async function distrust(config: Config, bucketUrl: string, damaged: Iterable<Damaged>): Promise<number> {
  const path = statePath(config.backup.stateDir, config.backup.name);
  if (!existsSync(path)) return 0;
  await makeStateDir(config.backup.stateDir);
  const lock = await lockState(`${path}.lock`);
  try {
    return await withStateDatabase(path, bucketIdentity(bucketUrl, config), async (database) => {
      const objects = new ObjectTable(database);
      let known = 0;
      for (const { key, version } of damaged) known += objects.distrustVersion(key, version);
      return known;
    });
  } finally {
    lock.release();
  }
}
