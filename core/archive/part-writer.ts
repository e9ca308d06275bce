/**
 * Writes the parts of a manifest from the state database's file rows. A part whose text was put before, and whose lock has
 * not lapsed, is referenced again.
 */
import type { Database } from "bun:sqlite";
import type { BucketWriter, Retention } from "../bucket/contract.ts";
import type { ObjectRef } from "../format/entry.ts";
import { type EntryHead, withExtents } from "../format/entry-json.ts";
import { keys } from "../format/keys.ts";
import type { PartRef } from "../format/manifest.ts";
import { encodePart, endsPart } from "../format/part.ts";
import { Garbage } from "../system/garbage.ts";
import type { BitSet } from "./bit-set.ts";
import { type FileRow, FileTable } from "./state/files.ts";
import { ObjectTable } from "./state/objects.ts";

export type PartParts = {
  readonly bucket: BucketWriter;
  readonly database: Database;
  readonly name: string;
  readonly retention: Retention;
  /** Objects whose lock ends too soon to build upon. */
  readonly lapsing: BitSet;
  /** Takes the ids of all objects that the manifest needs, parts among them. */
  readonly used: BitSet;
};

/** Of each extent in a row's JSON. */
const objectNumber = /\[(\d+),/g;

/** In order of path; one part is in memory at a time. */
export async function writeParts(parts: PartParts): Promise<PartRef[]> {
  const written: PartRef[] = [];
  // Text is copied on its way to a stored part: a collection for each part of a usual size.
  const garbage = new Garbage(1024 * 1024);
  let draft = new Draft(parts);
  for (const row of new FileTable(parts.database).inOrder()) {
    draft.add(row);
    if (!endsPart(row.path, draft.entries, draft.bytes)) continue;
    written.push(await draft.write());
    garbage.left(draft.bytes);
    draft = new Draft(parts);
  }
  if (draft.entries > 0) written.push(await draft.write());
  return written;
}

class Draft {
  bytes = 0;
  private readonly lines: string[] = [];
  private readonly objects: ObjectRef[] = [];
  /** State database id to number within the part. */
  private readonly numbers = new Map<number, number>();
  private readonly table: ObjectTable;
  private first: FileRow["path"] | undefined;
  private fileBytes = 0;

  constructor(private readonly parts: PartParts) {
    this.table = new ObjectTable(parts.database);
  }

  get entries(): number {
    return this.lines.length;
  }

  add({ path, head, extents, bytes }: FileRow): void {
    const line = extents === null ? head : this.withNumbers(head, extents);
    this.first ??= path;
    this.lines.push(line);
    this.bytes += line.length;
    this.fileBytes += bytes;
  }

  async write(): Promise<PartRef> {
    if (this.first === undefined) throw new Error("a part without entries");
    const text = Buffer.from(encodePart(this.objects, this.lines));
    const stored = this.knownPart(text) ?? (await this.put(text));
    this.parts.used.add(stored.id);
    const { key, version, size, sha256 } = stored;
    return { key, version, size, sha256, first: this.first, entries: this.entries, bytes: this.fileBytes };
  }

  /** The extents' first numbers, of objects, become those of this part. */
  private withNumbers(head: EntryHead, extents: string): string {
    return withExtents(
      head,
      extents.replace(objectNumber, (_, id: string) => `[${this.numberOf(Number(id))},`),
    );
  }

  private numberOf(id: number): number {
    const known = this.numbers.get(id);
    if (known !== undefined) return known;
    const { key, version, size, encoding } = this.table.get(id);
    const number = this.objects.push({ key, version, size, encoding }) - 1;
    this.numbers.set(id, number);
    this.parts.used.add(id);
    return number;
  }

  private knownPart(text: Uint8Array) {
    const row = this.parts.database
      .query<{ object: number; stored_sha256: string }, [string]>(
        "SELECT object, stored_sha256 FROM parts WHERE text_sha256 = ?",
      )
      .get(sha256(text));
    if (row === null || this.parts.lapsing.has(row.object)) return undefined;
    return { ...this.table.get(row.object), sha256: row.stored_sha256 };
  }

  private async put(text: Buffer<ArrayBuffer>) {
    const { bucket, database, name, retention } = this.parts;
    const body = await Bun.zstdCompress(text, { level: 3 });
    const digest = sha256(body);
    const { key, version, size } = await bucket.put(keys.part(name, digest), body, { retention, sha256: digest });
    const id = this.table.add({ key, version, size, encoding: "zstd" }, retention.until, true);
    database.query("INSERT OR REPLACE INTO parts VALUES (?, ?, ?)").run(sha256(text), id, digest);
    return { id, key, version, size, sha256: digest };
  }
}

function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
