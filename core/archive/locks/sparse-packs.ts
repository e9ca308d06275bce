/**
 * Packs that are not worth a longer lock. A backup that changes leaves packs of which it uses less and less; to extend
 * them keeps, and costs, what nobody needs. What is still in use of such a pack is stored anew, from the local files,
 * and the old pack is left to lapse. So are packs that are small, once there are several: runs with few changes leave
 * one each, and every one costs a request whenever its lock is extended.
 */
import type { Database } from "bun:sqlite";
import type { Config } from "../../config/config.ts";
import type { Notify } from "../../notice.ts";
import { openScratchDatabase } from "../../system/scratch-database.ts";
import type { BitSet } from "../state/bit-set.ts";
import { FileTable } from "../state/files.ts";
import { type KnownObject, ObjectTable } from "../state/objects.ts";
import type { RetentionPlan } from "./retention.ts";

type StoredExtent = [object: number, frameOffset: number, frameLength: number, offset: number, length: number];

/** Each chunk in use once, however many files have it. */
const table = `CREATE TEMP TABLE live (
  object INTEGER, frame INTEGER, offset INTEGER, length INTEGER, PRIMARY KEY (object, frame, offset)
) WITHOUT ROWID`;

/**
 * Counts as unknown what lies in sparse and small packs whose lock would have to be extended now; returns how many
 * these are. The files that use them are to be quilted again. Costs nothing in a run that extends nothing.
 */
export function leaveSparsePacks(
  database: Database,
  { promise, least }: RetentionPlan,
  { repackBelow, packSize }: Pick<Config["content"], "repackBelow" | "packSize">,
  notify: Notify,
): number {
  const objects = new ObjectTable(database);
  const candidates = objects.lapsing(promise);
  if (repackBelow === 0 || candidates.size === 0) return 0;
  using live = openScratchDatabase(table);
  collectLive(database, live, candidates);

  const left: KnownObject[] = [];
  const small: KnownObject[] = [];
  for (const object of objects.lapsingBefore(promise)) {
    const share =
      object.encoding === "frames" && object.retainUntil >= least ? shareInUse(database, live, object.id) : 0;
    if (share === 0) continue;
    if (share < repackBelow) left.push(object);
    else if (object.size < packSize * repackBelow) small.push(object);
  }
  if (left.length + small.length > 1) left.push(...small);
  for (const { id } of left) objects.distrust(id);
  if (left.length > 0) {
    const message = `${left.length} packs of which too little is in use are left to lapse; what is in use is stored anew`;
    notify({ level: "info", code: "repacked", message });
  }
  return left.length;
}

function collectLive(database: Database, live: Database, candidates: BitSet): void {
  const insert = live.query("INSERT OR IGNORE INTO live VALUES (?, ?, ?, ?)");
  live.transaction(() => {
    for (const { extents } of new FileTable(database).inOrder()) {
      if (extents === null || extents === "[]") continue;
      for (const [object, frame, , offset, length] of JSON.parse(extents) as StoredExtent[]) {
        if (candidates.has(object)) insert.run(object, frame, offset, length);
      }
    }
  })();
}

/** Bytes in use of the bytes that the pack holds, both before compression. */
function shareInUse(database: Database, live: Database, object: number): number {
  const sumOf = (from: Database, name: string) =>
    from
      .query<{ bytes: number | null }, [number]>(`SELECT sum(length) AS bytes FROM ${name} WHERE object = ?`)
      .get(object)?.bytes ?? 0;
  const inUse = sumOf(live, "live");
  return inUse === 0 ? 0 : inUse / Math.max(inUse, sumOf(database, "chunks"));
}
