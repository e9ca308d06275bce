/**
 * Objects that a verification found damaged count as unknown on this host from now on: its next archive reads the files that
 * need them and stores them again, instead of relying on the damage for ever.
 *
 * What is found wrong is a claim of some manifest, perhaps of a hostile one. So only a claim that this state makes itself
 * counts against the object: of the same size and encoding, and, if it is about what lies in the object, of the same bytes.
 */
import { existsSync } from "node:fs";
import type { Config } from "../../config/config.ts";
import { statePath } from "./database.ts";
import { lockState, makeStateDir } from "./folder.ts";
import { FalseExtents, type WrongExtent } from "./tables/false-extents.ts";
import { type KnownObject, ObjectTable } from "./tables/objects.ts";
import { PartTable } from "./tables/parts.ts";
import { trees } from "./tables/trees.ts";
import { bucketIdentity, withStateDatabase } from "./use.ts";

/** What a manifest says of an object, and was found to be wrong. */
export type DamagedClaim = {
  readonly key: string;
  readonly version: string;
  readonly size: number;
  /** The encoding of content, `part` or something else. */
  readonly kind: string;
  /** SHA-256 of the stored bytes of a part, hex. */
  readonly sha256: string;
  /** The object is as it was stored, but does not hold these extents. Undefined if the object itself is damaged. */
  readonly wrong: (() => Iterable<WrongExtent>) | undefined;
};

/**
 * Notes the damage. Returns how many of the objects this host relied on; 0 on a machine without a state database of this
 * backup name. Throws a Failure if an archive is running, and the errors of `withStateDatabase`.
 */
export async function distrust(config: Config, bucketUrl: string, damaged: Iterable<DamagedClaim>): Promise<number> {
  const path = statePath(config.backup.stateDir, config.backup.name);
  if (!existsSync(path)) return 0;
  await makeStateDir(config.backup.stateDir);
  const lock = await lockState(`${path}.lock`);
  try {
    return await withStateDatabase(path, bucketIdentity(bucketUrl, config), async (database) => {
      const objects = new ObjectTable(database);
      const known = trees.flatMap((tree) => new PartTable(database, tree).all());
      const parts = new Map(known.map(({ object, sha256 }) => [object, sha256]));
      const extents = new FalseExtents(database);
      const distrusted = new Set<number>();
      for (const claim of damaged) {
        const object = objects.find(claim.key, claim.version);
        if (object === undefined || !isOurs(claim, object, parts)) continue;
        if (claim.wrong === undefined) distrusted.add(object.id);
        else extents.add(object.id, claim.wrong());
      }
      for (const id of extents.believed()) distrusted.add(id);
      for (const id of distrusted) objects.distrust(id);
      return distrusted.size;
    });
  } finally {
    lock.release();
  }
}

/** Returns whether the state says the same of the object. */
function isOurs(claim: DamagedClaim, known: KnownObject, parts: ReadonlyMap<number, string>): boolean {
  if (claim.size !== known.size) return false;
  return claim.kind === "part" ? claim.sha256 === parts.get(known.id) : claim.kind === known.encoding;
}
