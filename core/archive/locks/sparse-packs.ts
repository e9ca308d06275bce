/**
 * Packs that are not worth a longer lock. A backup that changes leaves packs of which it uses less and less; to extend
 * them keeps, and costs, what nobody needs. Such packs are repacked instead of extended: what is still in use of them is
 * stored again from the local files, and the old pack's lock expires. So are small packs, once there are several: runs with
 * few changes leave one each, and every one costs a request whenever its lock is extended.
 *
 * A dump cannot be read again. So packs that the last dumps used are looked at before those of this run are taken, which then store
 * again what they still have in common; and packs that the dumps of this run use are extended.
 */
import type { Database } from "bun:sqlite";
import type { Config } from "../../config/config.ts";
import { isPack } from "../../format/codecs/encoding.ts";
import type { Notify } from "../../notice.ts";
import { openScratchDatabase } from "../../system/scratch-database.ts";
import { BitSet } from "../state/tables/bit-set.ts";
import { looksOfAll } from "../state/tables/files.ts";
import { type KnownObject, ObjectTable } from "../state/tables/objects.ts";
import { unpackExtents } from "../state/tables/packed-extents.ts";
import type { Tree } from "../state/tables/trees.ts";
import type { RetentionPlan } from "./retention.ts";
import { usedByDumps } from "./used-objects.ts";

/** Each chunk in use once, however many files have it. */
const table = `CREATE TEMP TABLE live (
  object INTEGER, frame INTEGER, offset INTEGER, length INTEGER, PRIMARY KEY (object, frame, offset)
) WITHOUT ROWID`;

/**
 * Marks as unknown what lies in sparse and small packs whose lock would have to be extended now, and returns how many
 * these are. The files that use them are to be quilted again. Costs nothing in a run that extends nothing. `tree`: looks at packs
 * that dumps use, or at those that only files use.
 */
export function repackSparsePacks(
  database: Database,
  { promisedUntil, minimumLockEnd }: RetentionPlan,
  { repackBelow, packSize }: Pick<Config["content"], "repackBelow" | "packSize">,
  tree: Tree,
  notify: Notify,
): number {
  const objects = new ObjectTable(database);
  if (repackBelow === 0 || objects.provenIdsExpiringBefore(promisedUntil).size === 0) return 0;
  const ofDumps = usedByDumps(database);
  const candidates = new BitSet();
  for (const { id } of objects.expiringBefore(promisedUntil))
    if (ofDumps.has(id) === (tree === "dumps")) candidates.add(id);
  if (candidates.size === 0) return 0;
  using live = openScratchDatabase(table);
  collectLive(database, live, candidates);

  const sparse: KnownObject[] = [];
  const small: KnownObject[] = [];
  for (const object of objects.expiringBefore(promisedUntil)) {
    const isUsable = candidates.has(object.id) && isPack(object.encoding) && object.retainUntil >= minimumLockEnd;
    const share = isUsable ? shareInUse(database, live, object.id) : 0;
    if (share === 0) continue;
    if (share < repackBelow) sparse.push(object);
    else if (object.size < packSize * repackBelow) small.push(object);
  }
  if (sparse.length + small.length > 1) sparse.push(...small);
  for (const { id } of sparse) objects.distrust(id);
  if (sparse.length > 0) {
    const message = `${sparse.length} packs of which too little is in use are repacked instead of extended: what is in use is stored again`;
    notify({ level: "info", code: "repacked", message });
  }
  return sparse.length;
}

function collectLive(database: Database, live: Database, candidates: BitSet): void {
  const insert = live.query("INSERT OR IGNORE INTO live VALUES (?, ?, ?, ?)");
  live.transaction(() => {
    for (const { extents } of looksOfAll(database)) {
      if (extents === null || extents.length === 0) continue;
      for (const { object, frameOffset, offset, length } of unpackExtents(extents)) {
        if (candidates.has(object)) insert.run(object, frameOffset, offset, length);
      }
    }
  })();
}

/** Share of the bytes that the pack holds which are in use, both before compression. */
function shareInUse(database: Database, live: Database, object: number): number {
  const sumOf = (from: Database, name: string) =>
    from
      .query<{ bytes: number | null }, [number]>(`SELECT total(length) AS bytes FROM ${name} WHERE object = ?`)
      .get(object)?.bytes ?? 0;
  const inUse = sumOf(live, "live");
  return inUse === 0 ? 0 : inUse / Math.max(inUse, sumOf(database, "chunks"));
}
