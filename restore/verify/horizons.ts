/** When the first lock of each backup ends, and whether that is earlier, or weaker, than it promises. */
import type { Needs } from "../../core/manifest/needs.ts";

export type Horizon = { readonly lockedUntil: Date | undefined; readonly short: boolean };

/** By the number of the backup. After the locks were looked at. */
export function horizons({ database }: Needs): Map<number, Horizon> {
  // Parts are shared by many backups: what they hold is summed up once for all of them.
  database.run(`
    CREATE TEMP TABLE reach AS
    SELECT id, min(lock) lock, min(locked) locked, min(strict) strict FROM (
      SELECT id, lock, lock IS NOT NULL OR worst = 3 AS locked, strict FROM objects
      UNION ALL
      SELECT part, lock, lock IS NOT NULL OR worst = 3, strict FROM uses JOIN objects ON objects.id = uses.object
    ) GROUP BY id`);
  database.run("CREATE INDEX temp.reach_id ON reach (id)");
  const rows = database
    .query<{ id: number; lock: number | null; short: number }, []>(
      `SELECT backups.id, min(reach.lock) lock,
         backups.until > 0 AND (coalesce(min(reach.lock), 0) < backups.until OR min(reach.locked) = 0
           OR backups.compliance > min(reach.strict)) AS short
       FROM backups JOIN needed ON needed.backup = backups.id JOIN reach ON reach.id = needed.object
       GROUP BY backups.id`,
    )
    .all();
  return new Map(
    rows.map(({ id, lock, short }) => [
      id,
      { lockedUntil: lock === null ? undefined : new Date(lock), short: short === 1 },
    ]),
  );
}
