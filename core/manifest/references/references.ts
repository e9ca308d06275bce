/**
 * Keeps which objects backups need, directly or through their parts: what verify, prune, renew and cost begin with. It lies in a
 * database on disk, as many backups together need more than memory should hold; what they share is one row.
 *
 * 1. Add every backup: its root, and what that names. Each part is then known once, however many roots name it.
 * 2. Read the parts (`readParts`), and add the objects that they name. These inherit what all backups with that part
 *    demand; so a backup that is added later does not reach objects of parts that were read before.
 */
import type { Database } from "bun:sqlite";
import type { Stored } from "../../bucket/contract.ts";
import { type Encoding, isPack } from "../../format/codecs/encoding.ts";
import type { ObjectRef } from "../../format/entries/entry.ts";
import type { LockMode } from "../../format/lock-mode.ts";
import { type BundleRef, isWhole as isWholeDump, type Manifest, type PartRef } from "../../format/manifest/manifest.ts";
import { isByteString } from "../../format/path.ts";
import { openScratchDatabase } from "../../system/scratch-database.ts";
import { isReadable } from "../part-lists.ts";
import { schema } from "./schema.ts";

/**
 * What an object is to a backup: its root, a part, a snapshot, or content in one of the encodings. A bundle is content, and its
 * table of contents is parts; without the keyfile, both are only `sealed`. So is all of a sealed backup without an identity.
 */
export type ReferenceKind = "root" | "part" | "snapshot" | "sealed" | Encoding;

export function isContent(kind: ReferenceKind): kind is Encoding {
  return !isWhole(kind) && kind !== "root" && kind !== "part";
}

/** Returns whether nothing is known of what is in it: it is whole, or lost. */
export function isWhole(kind: ReferenceKind): kind is "snapshot" | "sealed" {
  return kind === "snapshot" || kind === "sealed";
}

export type Reference = Stored & {
  readonly kind: ReferenceKind;
  /** SHA-256 of the stored bytes, hex, if the manifest states it; else empty: see `digestOf`. */
  readonly sha256: string;
};

/** What a backup demands of the locks of its objects. */
export type LockDemand = { readonly until: Date; readonly mode: LockMode };

type NeedingManifest = Pick<Manifest, "parts" | "snapshots" | "dumps" | "bundles" | "needs" | "opened"> & {
  readonly header?: Pick<Manifest["header"], "sealing">;
};

export type BackupToAdd = {
  /** Undefined for one in a local file. */
  readonly root: Stored | undefined;
  /** What belongs to the root: the list of snapshots beside that of files, of s3-sysbackup. */
  readonly also?: readonly Stored[];
  /** Undefined if the root cannot be read: then it is all that is known of the backup. */
  readonly manifest: NeedingManifest | undefined;
  /** Undefined: nothing. */
  readonly demand: LockDemand | undefined;
  /** Whose it is: a number that the job chose, for `ownerOf`. */
  readonly owner?: number;
};

export type AddedBackup = {
  /** Backups are numbered from 1. */
  readonly id: number;
  /** Id of the root. */
  readonly root: number | undefined;
};

/** As the schema has it. */
type DemandRow = { readonly until: number; readonly compliance: number; readonly owner: number };
type ReferenceRow = DemandRow & { readonly id: number };
type PartRow = Omit<PartRef, "first"> & ReferenceRow & { readonly path: string; readonly of_dumps: number };

/** A part as the root says that came first. `ofDumps`: its entries are dumps, whose paths are not those of files. */
export type ReferencedPart = ReferenceRow & { readonly ref: PartRef; readonly ofDumps: boolean };

/** One version that is needed, and until when: milliseconds since 1970, 0 if that does not matter. */
export type NeededVersion = Stored & { readonly until: number; readonly compliance: number; readonly owner: number };

type ThisObject = [string, string, number, ReferenceKind, string];
const selectPart = `SELECT parts.id, key, version, size, sha256, path, entries, bytes, of_dumps, until, compliance, owner
  FROM parts JOIN objects USING (key, version, size, sha256) WHERE kind = 'part'`;
const pageSize = 1_000;

export class References implements Disposable {
  /** The database, for jobs that note down more about objects in temporary tables of their own. */
  readonly database: Database = openScratchDatabase(schema);
  readonly #addObject = this.database.query<null, [...ThisObject, number, number, number, number]>(
    `INSERT INTO objects (key, version, size, kind, sha256, id, until, compliance, owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET until = max(until, excluded.until), compliance = max(compliance, excluded.compliance)
       WHERE excluded.until > until OR excluded.compliance > compliance`,
  );
  readonly #findObject = this.database.query<{ id: number }, ThisObject>(
    "SELECT id FROM objects WHERE key = ? AND version = ? AND size = ? AND kind = ? AND sha256 = ?",
  );
  readonly #findClaim = this.database.query<{ id: number }, [number, string, number, string]>(
    "SELECT id FROM claims WHERE part = ? AND path = ? AND entries = ? AND next = ?",
  );
  readonly #insertClaim = this.database.query<null, [number, string, number, string]>(
    "INSERT INTO claims (part, path, entries, next) VALUES (?, ?, ?, ?)",
  );
  readonly #insertPart = this.database.query<
    null,
    [number, string, string, number, string, string, number, number, number]
  >("INSERT OR IGNORE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  readonly #insertNeed = this.database.query<null, [number, number, number]>(
    "INSERT OR IGNORE INTO needs VALUES (?, ?, ?)",
  );
  readonly #nextPart = this.database.query<PartRow, [number]>(
    `${selectPart} AND parts.id > ? ORDER BY parts.id LIMIT 1`,
  );
  readonly #owner = this.database.query<{ owner: number }, [string, string]>(
    "SELECT owner FROM objects WHERE key = ? AND version = ?",
  );
  readonly #markFound = this.database.query<{ id: number }, [number, string, string]>(
    "UPDATE objects SET found = ? WHERE key = ? AND version = ? RETURNING id",
  );
  /** The highest id that an object may have. */
  #lastId = 0;
  /** The part that was taken last. */
  #taken = 0;

  addBackup({ root, also = [], manifest, demand, owner = 0 }: BackupToAdd): AddedBackup {
    const row = { until: demand?.until.getTime() ?? 0, compliance: demand?.mode === "COMPLIANCE" ? 1 : 0, owner };
    return this.database.transaction(() => {
      const insert = this.database.query<null, [number, number, number]>(
        "INSERT INTO backups (until, compliance, owner) VALUES (?, ?, ?)",
      );
      const id = Number(insert.run(row.until, row.compliance, owner).lastInsertRowid);
      const need = (reference: Reference): number => {
        this.#add(reference, row);
        const object = this.#idOf(reference);
        this.#insertNeed.run(id, object, 0);
        return object;
      };
      const rootId = root && need({ ...root, kind: "root", sha256: "" });
      for (const { key, version, size } of also) need({ key, version, size, kind: "root", sha256: "" });
      for (const { key, version, size, sha256 } of manifest?.snapshots.filter(isWholeDump) ?? []) {
        need({ key, version, size, kind: "snapshot", sha256 });
      }
      const sealing = manifest?.header?.sealing ?? undefined;
      if (sealing !== undefined) need({ ...sealing, kind: "sealed" });
      if (manifest !== undefined && sealing !== undefined && manifest.opened !== true) {
        for (const reference of sealedReferences(manifest)) need(reference);
        return { id, root: rootId };
      }
      this.#needParts(id, row, manifest?.parts ?? []);
      this.#needParts(id, row, manifest?.dumps ?? [], true);
      for (const bundle of manifest?.bundles ?? []) {
        for (const reference of bundleReferences(bundle)) need(reference);
        if (isReadable(bundle)) this.#needParts(id, row, bundle.table);
      }
      return { id, root: rootId };
    })();
  }

  #needParts(backup: number, demand: DemandRow, parts: readonly PartRef[], ofDumps = false): void {
    for (const [number, part] of parts.entries()) {
      this.#needPart(backup, demand, { part, next: parts[number + 1]?.first ?? "", ofDumps });
    }
  }

  /** `next`: as the schema has it. */
  #needPart(
    backup: number,
    demand: DemandRow,
    { part, next, ofDumps }: { readonly part: PartRef; readonly next: string; readonly ofDumps: boolean },
  ): void {
    const { key, version, size, sha256, first, entries, bytes } = part;
    const reference = { key, version, size, kind: "part", sha256 } as const;
    this.#add(reference, demand);
    const id = this.#idOf(reference);
    this.#insertPart.run(id, key, version, size, sha256, first, entries, bytes, ofDumps ? 1 : 0);
    const claim =
      this.#findClaim.get(id, first, entries, next)?.id ??
      this.#insertClaim.run(id, first, entries, next).lastInsertRowid;
    this.#insertNeed.run(backup, id, Number(claim));
  }

  /** Adds the objects that a part names. */
  addContent(part: ReferencedPart, objects: readonly ObjectRef[]): void {
    this.database.transaction(() => {
      for (const object of objects) this.#add(referenceTo(object), part);
    })();
  }

  #add({ key, version, size, kind, sha256 }: Reference, { until, compliance, owner }: DemandRow): void {
    this.#lastId += 1;
    this.#addObject.run(key, version, size, kind, sha256, this.#lastId, until, compliance, owner);
  }

  /** Returns the ids of objects that were added. */
  idsOf(objects: readonly ObjectRef[]): number[] {
    return objects.map((object) => this.#idOf(referenceTo(object)));
  }

  #idOf({ key, version, size, kind, sha256 }: Reference): number {
    const row = this.#findObject.get(key, version, size, kind, sha256);
    if (row === null) throw new Error(`${key} was not added`);
    return row.id;
  }

  /** Takes each part once, in the order in which they were added, and when called again those added since. */
  *takeParts(): Generator<ReferencedPart> {
    for (let row = this.#nextPart.get(this.#taken); row !== null; row = this.#nextPart.get(this.#taken)) {
      this.#taken = row.id;
      yield partOf(row);
    }
  }

  /** Returns the part with this id. */
  part(id: number): ReferencedPart {
    const row = this.database.query<PartRow, [number]>(`${selectPart} AND parts.id = ?`).get(id);
    if (row === null) throw new Error(`no part has the id ${id}`);
    return partOf(row);
  }

  /** Notes down that a listing has this version; returns its ids: none if no backup needs it. */
  markFound({ key, version, size }: Stored): number[] {
    return this.#markFound.all(size, key, version).map(({ id }) => id);
  }

  /** Returns the owner of the backup that named this version first; undefined if none needs it. */
  ownerOf(key: string, version: string): number | undefined {
    return this.#owner.get(key, version)?.owner;
  }

  /** Returns the owners of all backups whose roots name this part. Looks at all that roots name. */
  ownersOfPart(id: number): number[] {
    const query = "SELECT DISTINCT owner FROM needs JOIN backups ON backups.id = backup WHERE object = ?";
    return this.database
      .query<{ owner: number }, [number]>(query)
      .all(id)
      .map(({ owner }) => owner);
  }

  /** Returns the backups whose roots name one of these parts. Looks at all that roots name. */
  backupsWithParts(parts: ReadonlySet<number>): Set<number> {
    const named = this.database.query<{ backup: number; object: number }, []>("SELECT backup, object FROM needs");
    const backups = new Set<number>();
    if (parts.size === 0) return backups;
    for (const { backup, object } of named.iterate()) if (parts.has(object)) backups.add(backup);
    return backups;
  }

  /** Goes through all versions in order of key and version, some at a time. */
  *versions(): Generator<readonly NeededVersion[]> {
    const page = this.database.query<NeededVersion, [string, string, number]>(
      `SELECT key, version, max(size) size, max(until) until, max(compliance) compliance, min(owner) owner
       FROM objects WHERE (key, version) > (?, ?)
       GROUP BY key, version ORDER BY key, version LIMIT ?`,
    );
    let last: Pick<Stored, "key" | "version"> | undefined = { key: "", version: "" };
    while (last !== undefined) {
      const versions: NeededVersion[] = page.all(last.key, last.version, pageSize);
      yield versions;
      last = versions.at(-1);
    }
  }

  /** Counts the objects, and their bytes, as manifests claim them: `sum` would end in an error for more than 2^63. */
  totals(): { readonly objects: number; readonly bytes: number } {
    const row = this.database
      .query<{ objects: number; bytes: number }, []>(
        "SELECT count(*) objects, total(size) bytes FROM (SELECT DISTINCT key, version, size FROM objects)",
      )
      .get();
    return row ?? { objects: 0, bytes: 0 };
  }

  [Symbol.dispose](): void {
    this.database.close();
  }
}

function bundleReferences(bundle: BundleRef): Reference[] {
  const { key, version, size, encoding, sha256 = "", table } = bundle;
  if (isReadable(bundle)) return [referenceTo({ key, version, size, encoding })];
  return [
    { key, version, size, kind: "sealed", sha256 },
    ...table.map((part) => ({ ...part, kind: "sealed" as const })),
  ];
}

/** All that is known of a sealed backup without its names. */
function* sealedReferences({ parts, needs = [] }: Pick<Manifest, "parts" | "needs">): Generator<Reference> {
  for (const { key, version, size, sha256 } of parts) yield { key, version, size, kind: "sealed", sha256 };
  for (const { key, version, size, sha256 = packDigest(key) ?? "" } of needs)
    yield { key, version, size, kind: "sealed", sha256 };
}

function packDigest(key: string): string | undefined {
  return /^packs\/([0-9a-f]{64})\./.exec(key)?.[1];
}

function referenceTo({ key, version, size, encoding }: ObjectRef): Reference {
  return { key, version, size, kind: encoding, sha256: "" };
}

function partOf({
  id,
  until,
  compliance,
  owner,
  path,
  key,
  version,
  size,
  sha256,
  entries,
  bytes,
  of_dumps,
}: PartRow): ReferencedPart {
  if (!isByteString(path)) throw new Error(`the path of ${key} came back changed`);
  const ofDumps = of_dumps !== 0;
  return { id, until, compliance, owner, ofDumps, ref: { key, version, size, sha256, first: path, entries, bytes } };
}

/** Returns the SHA-256 of the stored bytes, if manifest or key state it: packs are named by theirs, a file's own object by the file's. */
export function digestOf({ key, kind, sha256 }: Pick<Reference, "key" | "kind" | "sha256">): string | undefined {
  if (isContent(kind)) return isPack(kind) ? packDigest(key) : undefined;
  return sha256 === "" ? undefined : sha256;
}
