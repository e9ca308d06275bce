/** What was found of the objects that are needed: beside `Needs`, in the same database. */
import type { Database } from "bun:sqlite";
import type { Retention, Stored } from "../../core/bucket/contract.ts";
import type { Kind, Needs } from "../../core/manifest/needs.ts";

/**
 * - `damage`: something cannot be restored as it was; exit status 4
 * - `promise`: all is there, but not locked as the manifest promises; exit status 3
 * - `note`: worth knowing, hurts no restore
 */
type Severity = "note" | "promise" | "damage";

const codes = {
  missing: "damage",
  "wrong-size": "damage",
  "wrong-encoding": "damage",
  "record-damaged": "damage",
  "manifest-damaged": "damage",
  "part-damaged": "damage",
  altered: "damage",
  "wrong-content": "damage",
  "not-checked": "promise",
  "lock-missing": "promise",
  "lock-short": "promise",
  "lock-mode": "promise",
  "delete-marker": "note",
  "newer-version": "note",
  "legal-hold": "note",
} as const satisfies Readonly<Record<string, Severity>>;

export type Code = keyof typeof codes;

export type Finding = {
  readonly key: string;
  readonly version: string;
  readonly severity: Severity;
  readonly code: Code;
  /** What is the matter, as a clause that follows the object's name. */
  readonly why: string;
};

const rank = { note: 1, promise: 2, damage: 3 } as const satisfies Record<Severity, number>;
const severities = [undefined, "note", "promise", "damage"] as const;

const schema = `
  CREATE TEMP TABLE faults (
    object INTEGER NOT NULL, code TEXT NOT NULL, severity INTEGER NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (object, code)
  ) WITHOUT ROWID;
  -- lock: retain-until in milliseconds; unusable: nothing of it can be had.
  ALTER TABLE objects ADD COLUMN found INTEGER;
  ALTER TABLE objects ADD COLUMN lock INTEGER;
  ALTER TABLE objects ADD COLUMN strict INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE objects ADD COLUMN worst INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE objects ADD COLUMN unusable INTEGER NOT NULL DEFAULT 0;
`;

export type Row = {
  readonly id: number;
  readonly key: string;
  readonly version: string;
  readonly size: number;
  readonly kind: Kind;
  readonly sha256: string;
  readonly until: number;
  readonly compliance: number;
};

const columns = "id, key, version, size, kind, sha256, until, compliance";

export type SeverityCounts = Readonly<Record<Severity, number>>;

export class Findings {
  readonly database: Database;
  readonly #fault;
  readonly #worsen;
  readonly #found;
  readonly #rows;
  readonly #lock;

  constructor(needs: Needs) {
    this.database = needs.database;
    this.database.run(schema);
    this.#fault = this.database.query<null, [number, Code, number, string]>(
      "INSERT OR REPLACE INTO faults VALUES (?, ?, ?, ?)",
    );
    this.#worsen = this.database.query<null, [number, number, number]>(
      "UPDATE objects SET worst = max(worst, ?), unusable = max(unusable, ?) WHERE id = ?",
    );
    this.#found = this.database.query<{ id: number }, [number, string, string]>(
      "UPDATE objects SET found = ? WHERE key = ? AND version = ? RETURNING id",
    );
    this.#rows = this.database.query<Row, [string, string]>(
      `SELECT ${columns} FROM objects WHERE key = ? AND version = ? AND worst < ${rank.damage} ORDER BY id`,
    );
    this.#lock = this.database.query<null, [number, number, number]>(
      "UPDATE objects SET lock = ?, strict = ? WHERE id = ?",
    );
  }

  /** `unusable`: whatever lies in the object is lost, not only what is found to be wrong in it. */
  add(object: number, code: Code, why: string, unusable = false): void {
    const severity = rank[codes[code]];
    this.#fault.run(object, code, severity, why);
    this.#worsen.run(severity, unusable ? 1 : 0, object);
  }

  /** That the bucket lists this version: the rows that are about it, none for what nobody needs. */
  found({ key, version, size }: Stored): number[] {
    return this.#found.all(size, key, version).map(({ id }) => id);
  }

  knows(key: string, version: string): boolean {
    return this.rowsOf(key, version).length > 0;
  }

  rowsOf(key: string, version: string): Row[] {
    return this.#rows.all(key, version);
  }

  locked(object: number, { until, mode }: Retention): void {
    this.#lock.run(until.getTime(), mode === "COMPLIANCE" ? 1 : 0, object);
  }

  /** Not found, or in another size. */
  notAsRecorded(): { readonly id: number; readonly size: number; readonly found: number | null }[] {
    return this.database
      .query<{ id: number; size: number; found: number | null }, []>(
        `SELECT id, size, found FROM objects WHERE found IS NOT size AND worst < ${rank.damage}`,
      )
      .all();
  }

  /** Sound objects so far, in batches of a few hundred, so that findings may be added meanwhile. */
  *sound(): Generator<Row> {
    const query = this.database.query<Row, [number]>(
      `SELECT ${columns} FROM objects WHERE id > ? AND worst < ${rank.damage} ORDER BY id LIMIT 500`,
    );
    for (let last = 0; ; ) {
      const rows = query.all(last);
      yield* rows;
      const end = rows.at(-1)?.id;
      if (end === undefined) return;
      last = end;
    }
  }

  /** The worst first, then in order of key. One at a time: there may be as many as objects. */
  *all(): Generator<Finding> {
    const rows = this.database.query<Omit<Finding, "severity">, []>(
      `SELECT key, version, code, why FROM faults JOIN objects ON objects.id = faults.object
       ORDER BY severity DESC, key, version, code`,
    );
    for (const { code, ...rest } of rows.iterate()) yield { ...rest, code, severity: codes[code] };
  }

  /** Objects by the worst that was found of them. */
  counts(): SeverityCounts {
    const counts = { note: 0, promise: 0, damage: 0 };
    const rows = this.database
      .query<{ worst: number; objects: number }, []>(
        "SELECT worst, count(*) objects FROM objects WHERE worst > 0 GROUP BY worst",
      )
      .all();
    for (const { worst, objects } of rows) counts[severities[worst] ?? "note"] = objects;
    return counts;
  }

  /** Whether the object is damaged, and then, whether all of it is lost. */
  damageOf(object: number): { readonly unusable: boolean } | undefined {
    const query = `SELECT unusable FROM objects WHERE id = ? AND worst = ${rank.damage}`;
    const row = this.database.query<{ unusable: number }, [number]>(query).get(object);
    return row === null ? undefined : { unusable: row.unusable === 1 };
  }

  /** Parts with entries that need damaged objects. */
  partsDamaged(): number[] {
    return this.database
      .query<{ part: number }, []>(
        `SELECT DISTINCT part FROM uses JOIN objects ON id = object WHERE worst = ${rank.damage} ORDER BY part`,
      )
      .all()
      .map(({ part }) => part);
  }
}
