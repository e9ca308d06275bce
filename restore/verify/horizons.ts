/** Finds out when the first lock of each backup ends, and whether locks are shorter or weaker than promised. */
import type { References } from "../../core/manifest/references/references.ts";
import { rank } from "./findings.ts";

export type Horizon = { readonly lockedUntil: Date | undefined; readonly short: boolean };

/** Returns the horizons by number of backup. Call after the locks were read. */
export function horizons({ database }: References): Map<number, Horizon> {
  // Many backups share parts: their content is summed up once for all backups.
  database.run(`
    CREATE TEMP TABLE reach AS
    SELECT id, min(lock) lock, min(lock IS NOT NULL OR worst IS ${rank.damage}) locked, min(coalesce(strict, 0)) strict
    FROM (SELECT part id, object FROM uses UNION ALL SELECT DISTINCT object, object FROM needs)
      LEFT JOIN states USING (object)
    GROUP BY id`);
  database.run("CREATE INDEX temp.reach_id ON reach (id)");
  const rows = database.query<{ id: number; lock: number | null; short: number }, []>(
    `SELECT backups.id, min(reach.lock) lock,
       backups.until > 0 AND (coalesce(min(reach.lock), 0) < backups.until OR min(reach.locked) = 0
         OR backups.compliance > min(reach.strict)) AS short
     FROM backups JOIN needs ON needs.backup = backups.id JOIN reach ON reach.id = needs.object
     GROUP BY backups.id`,
  );
  const found = new Map<number, Horizon>();
  for (const { id, lock, short } of rows.iterate()) {
    found.set(id, { lockedUntil: lock === null ? undefined : new Date(lock), short: short === 1 });
  }
  return found;
}
