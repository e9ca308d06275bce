/** Keeps the findings about needed objects, in the database of `References`. */
import type { Database } from "bun:sqlite";
import type { Retention, Stored } from "../../core/bucket/contract.ts";
import type { Reference, References } from "../../core/manifest/references/references.ts";

/**
 * How bad a finding is:
 *
 * - `damage`: something cannot be restored as it was; exit status 4
 * - `promise`: all is there, but not locked as the manifest promises, or not readable at once; exit status 3
 * - `note`: worth knowing, but hurts no restore
 */
type Severity = "note" | "promise" | "damage";

const codes = {
  missing: "damage",
  "wrong-size": "damage",
  "wrong-encoding": "damage",
  "record-damaged": "damage",
  "manifest-damaged": "damage",
  "part-damaged": "damage",
  "backup-missing": "damage",
  "backup-replaced": "damage",
  "entry-unreadable": "damage",
  altered: "damage",
  "wrong-content": "damage",
  "not-checked": "promise",
  "manifest-foreign": "promise",
  "not-trusted": "promise",
  archived: "promise",
  "lock-missing": "promise",
  "lock-short": "promise",
  "lock-mode": "promise",
  "delete-marker": "note",
  "newer-version": "note",
  frozen: "note",
  "legal-hold": "note",
  "dates-contradict": "note",
  "chain-forked": "note",
  "chain-begins": "note",
} as const satisfies Readonly<Record<string, Severity>>;

export type FindingCode = keyof typeof codes;

export type Finding = {
  readonly key: string;
  readonly version: string;
  readonly severity: Severity;
  readonly code: FindingCode;
  /** Fault, as a clause that follows the object's name. */
  readonly why: string;
};

/** Numbers of severities in the database. */
export const rank = { note: 1, promise: 2, damage: 3 } as const satisfies Record<Severity, number>;
const severities = [undefined, "note", "promise", "damage"] as const;

const schema = `
  CREATE TEMP TABLE faults (
    object INTEGER NOT NULL, code TEXT NOT NULL, severity INTEGER NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (object, code)
  ) WITHOUT ROWID;
  CREATE TEMP TABLE states (
    object INTEGER PRIMARY KEY,
    -- The lock that it has: retain-until in milliseconds, and whether in COMPLIANCE mode.
    lock INTEGER, strict INTEGER NOT NULL DEFAULT 0,
    -- The worst of its faults, and whether nothing of it can be had.
    worst INTEGER NOT NULL DEFAULT 0, unusable INTEGER NOT NULL DEFAULT 0
  );
`;

/** An object, and the lock that it must have: see `References`. */
export type CheckedObject = Reference & {
  readonly id: number;
  readonly until: number;
  readonly compliance: number;
};

const columns = "id, key, version, size, kind, sha256, until, compliance";
const notDamaged = `NOT EXISTS (SELECT 1 FROM states WHERE object = id AND worst = ${rank.damage})`;

export type SeverityCounts = Readonly<Record<Severity, number>>;

export class Findings {
  readonly database: Database;
  readonly #fault;
  readonly #worsen;
  readonly #sameVersion;
  readonly #lock;

  constructor({ database }: References) {
    this.database = database;
    this.database.run(schema);
    this.#fault = this.database.query<null, [number, FindingCode, number, string]>(
      "INSERT OR REPLACE INTO faults VALUES (?, ?, ?, ?)",
    );
    this.#worsen = this.database.query<null, [number, number, number]>(
      `INSERT INTO states (object, worst, unusable) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET worst = max(worst, excluded.worst), unusable = max(unusable, excluded.unusable)`,
    );
    this.#sameVersion = this.database.query<CheckedObject, [string, string]>(
      `SELECT ${columns} FROM objects WHERE key = ? AND version = ? AND ${notDamaged}`,
    );
    this.#lock = this.database.query<null, [number, number, number]>(
      `INSERT INTO states (object, lock, strict) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET lock = excluded.lock, strict = excluded.strict`,
    );
  }

  /** Adds a finding. `unusable`: all content of the object is lost, not only the extents that are wrong. */
  add(object: number, code: FindingCode, why: string, unusable = false): void {
    const severity = rank[codes[code]];
    this.#fault.run(object, code, severity, why);
    this.#worsen.run(object, severity, unusable ? 1 : 0);
  }

  /** Returns the objects of a version without damage so far: several if manifests contradict each other. */
  ofVersion({ key, version }: Pick<Stored, "key" | "version">): CheckedObject[] {
    return this.#sameVersion.all(key, version);
  }

  locked(object: number, { until, mode }: Retention): void {
    this.#lock.run(object, until.getTime(), mode === "COMPLIANCE" ? 1 : 0);
  }

  /** Returns when the lock of an object ends; undefined if it has none that is known. */
  lockEnd(object: number): Date | undefined {
    const row = this.database
      .query<{ lock: number | null }, [number]>("SELECT lock FROM states WHERE object = ?")
      .get(object);
    return row?.lock ? new Date(row.lock) : undefined;
  }

  /** Returns sound objects that were not listed, or in another size. */
  notAsRecorded(): { readonly id: number; readonly size: number; readonly found: number | null }[] {
    return this.database
      .query<{ id: number; size: number; found: number | null }, []>(
        `SELECT id, size, found FROM objects WHERE found IS NOT size AND ${notDamaged}`,
      )
      .all();
  }

  /** Returns whether it lies in an archive tier, and cannot be read. */
  isFrozen(object: number): boolean {
    const query = "SELECT 1 FROM faults WHERE object = ? AND code IN ('frozen', 'archived')";
    return this.database.query<object, [number]>(query).get(object) !== null;
  }

  /** Counts objects that lie in an archive tier. */
  frozen(): number {
    const query = "SELECT count(DISTINCT object) objects FROM faults WHERE code IN ('frozen', 'archived')";
    return this.database.query<{ objects: number }, []>(query).get()?.objects ?? 0;
  }

  /** Yields objects without damage so far, in order of key, in batches of a few hundred. Findings may be added meanwhile. */
  *sound(): Generator<CheckedObject> {
    const query = this.database.query<CheckedObject, [string, string, number, string, string]>(
      `SELECT ${columns} FROM objects WHERE (key, version, size, kind, sha256) > (?, ?, ?, ?, ?) AND ${notDamaged}
       ORDER BY key, version, size, kind, sha256 LIMIT 500`,
    );
    type RowKey = Omit<Reference, "kind"> & { readonly kind: string };
    let last: RowKey | undefined = { key: "", version: "", size: 0, kind: "", sha256: "" };
    while (last !== undefined) {
      const rows: CheckedObject[] = query.all(last.key, last.version, last.size, last.kind, last.sha256);
      yield* rows;
      last = rows.at(-1);
    }
  }

  /** Yields findings, the worst first, then in order of key. There may be as many as objects. */
  *all(): Generator<Finding> {
    const rows = this.database.query<Omit<Finding, "severity">, []>(
      `SELECT key, version, code, why FROM objects JOIN faults ON faults.object = objects.id
       ORDER BY severity DESC, key, version, code`,
    );
    for (const { code, ...rest } of rows.iterate()) yield { ...rest, code, severity: codes[code] };
  }

  /** Yields what manifests say of objects that are damaged, or that do not hold what the manifests say. */
  *damaged(): Generator<Reference & { readonly id: number; readonly code: FindingCode }> {
    const rows = this.database.query<Reference & { id: number; code: FindingCode }, []>(
      `SELECT objects.id, key, version, size, kind, sha256, code FROM objects JOIN faults ON faults.object = objects.id
       WHERE severity = ${rank.damage}`,
    );
    yield* rows.iterate();
  }

  /** Counts objects by their worst finding. */
  counts(): SeverityCounts {
    const counts = { note: 0, promise: 0, damage: 0 };
    const rows = this.database
      .query<{ worst: number; objects: number }, []>(
        "SELECT worst, count(*) objects FROM states WHERE worst > 0 GROUP BY worst",
      )
      .all();
    for (const { worst, objects } of rows) counts[severities[worst] ?? "note"] = objects;
    return counts;
  }

  /** Returns undefined for an object that is not damaged, else whether all of it is lost. */
  damageOf(object: number): { readonly unusable: boolean } | undefined {
    const query = `SELECT unusable FROM states WHERE object = ? AND worst = ${rank.damage}`;
    const row = this.database.query<{ unusable: number }, [number]>(query).get(object);
    return row === null ? undefined : { unusable: row.unusable === 1 };
  }
}
