/**
 * Marks as unknown on this host what a verification found damaged: the next archive reads the files that need it and
 * stores them again, instead of building upon the damage for ever.
 */
import { existsSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { lockState, statePath } from "./database.ts";
import { ObjectTable } from "./objects.ts";
import { bucketIdentity, withStateDatabase } from "./use.ts";

type Damaged = { readonly key: string; readonly version: string };

/**
 * Returns how many of the objects this host would have built upon; 0 on a machine without a state database of this backup
 * name. Throws a Failure if an archive is under way, and as `withStateDatabase`.
 */
export async function distrust(config: Config, bucketUrl: string, damaged: Iterable<Damaged>): Promise<number> {
  const path = statePath(config.backup.stateDir, config.backup.name);
  if (!existsSync(path)) return 0;
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
