/**
 * Writes the parts of a manifest from the state database's file rows. A part in whose range no row changed is referenced
 * again without a look at its rows; so is one whose text comes out as it was.
 */

import type { Database } from "bun:sqlite";
import type { BucketWriter, Retention } from "../../bucket/contract.ts";
import type { ObjectRef } from "../../format/entry.ts";
import { type EntryHead, withExtents } from "../../format/entry-json.ts";
import { keys } from "../../format/keys.ts";
import type { PartRef } from "../../format/manifest.ts";
import { encodePart, endsPart, fewestEntries } from "../../format/part.ts";
import type { ByteString } from "../../format/path.ts";
import { sha256 } from "../../format/sha256.ts";
import { Garbage } from "../../system/garbage.ts";
import type { BitSet } from "../state/bit-set.ts";
import { type FileRow, FileTable, justAfter, objectNumber } from "../state/files.ts";
import { ObjectTable } from "../state/objects.ts";
import { type KnownPart, PartTable } from "../state/parts.ts";

export type PartParts = {
  readonly bucket: BucketWriter;
  readonly database: Database;
  readonly name: string;
  readonly retention: Retention;
  /** Objects whose lock ends too soon to build upon. */
  readonly lapsing: BitSet;
};

/** In order of path; one part is in memory at a time. */
export async function writeParts(parts: PartParts): Promise<PartRef[]> {
  const table = new PartTable(parts.database);
  const before = table.all();
  const writer = new PartWriter(parts, before);
  for (const [number, known] of before.entries()) {
    const isSound = !known.stale && !parts.lapsing.has(known.object);
    if (isSound && (await writer.reaches(known.first))) writer.keep(known, before[number + 1]?.first);
  }
  const written = await writer.end();
  table.replace(written);
  const objects = new ObjectTable(parts.database);
  return written.map(({ object, first, sha256, entries, bytes }) => {
    const { key, version, size } = objects.get(object);
    return { key, version, size, sha256, first, entries, bytes };
  });
}

/** Goes through the rows once, from part to part that can be kept. */
class PartWriter {
  private readonly written: KnownPart[] = [];
  private readonly files: FileTable;
  /** Text is copied on its way to a stored part: a collection for each part of a usual size. */
  private readonly garbage = new Garbage(1024 * 1024);
  private draft: Draft | undefined;
  /** Rows from here on are not written yet; undefined when all are. */
  private from: string | undefined = "";

  constructor(
    private readonly parts: PartParts,
    private readonly known: readonly KnownPart[],
  ) {
    this.files = new FileTable(parts.database);
  }

  /** Writes what comes before `first`. False where that ends in too little for a part: then it goes on into the next. */
  async reaches(first: ByteString): Promise<boolean> {
    await this.write(first);
    if (this.draft === undefined) return true;
    if (this.draft.entries < fewestEntries) return false;
    await this.endDraft(this.draft);
    return true;
  }

  /** Takes a part as it is; it reaches to the path `next`, or to the last row. */
  keep(part: KnownPart, next: ByteString | undefined): void {
    this.written.push(part);
    this.from = next;
  }

  async end(): Promise<readonly KnownPart[]> {
    await this.write(undefined);
    if (this.draft !== undefined) await this.endDraft(this.draft);
    return this.written;
  }

  private async write(until: ByteString | undefined): Promise<void> {
    if (this.from === undefined) return;
    for (const row of this.files.inOrder(this.from, until)) {
      this.draft ??= new Draft(this.parts, this.known, row.path);
      this.draft.add(row);
      this.from = justAfter(row.path);
      if (endsPart(row.path, this.draft.entries, this.draft.bytes)) await this.endDraft(this.draft);
    }
  }

  private async endDraft(draft: Draft): Promise<void> {
    this.draft = undefined;
    this.written.push(await draft.write());
    this.garbage.left(draft.bytes);
  }
}

class Draft {
  bytes = 0;
  private readonly lines: string[] = [];
  private readonly objects: ObjectRef[] = [];
  /** State database id to number within the part. */
  private readonly numbers = new Map<number, number>();
  private readonly table: ObjectTable;
  private fileBytes = 0;

  constructor(
    private readonly parts: PartParts,
    private readonly known: readonly KnownPart[],
    private readonly first: ByteString,
  ) {
    this.table = new ObjectTable(parts.database);
  }

  get entries(): number {
    return this.lines.length;
  }

  add({ head, extents, bytes }: FileRow): void {
    const line = extents === null ? head : this.withNumbers(head, extents);
    this.lines.push(line);
    this.bytes += line.length;
    this.fileBytes += bytes;
  }

  async write(): Promise<KnownPart> {
    const text = Buffer.from(encodePart(this.objects, this.lines));
    const textSha256 = sha256(text);
    const stored = this.knownBy(textSha256) ?? (await this.put(text));
    const { first, entries, fileBytes: bytes } = this;
    return { first, ...stored, textSha256, entries, bytes, stale: false };
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
    return number;
  }

  private knownBy(textSha256: string): Pick<KnownPart, "object" | "sha256"> | undefined {
    return this.known.find(
      (part) => part.textSha256 === textSha256 && part.object !== 0 && !this.parts.lapsing.has(part.object),
    );
  }

  private async put(text: Buffer<ArrayBuffer>): Promise<Pick<KnownPart, "object" | "sha256">> {
    const { bucket, name, retention } = this.parts;
    const body = await Bun.zstdCompress(text, { level: 3 });
    const digest = sha256(body);
    const { key, version, size } = await bucket.put(keys.part(name, digest), body, { retention, sha256: digest });
    // Parts are of use to this backup name only: no index object tells of them.
    return { object: this.table.add({ key, version, size, encoding: "zstd" }, retention.until, true), sha256: digest };
  }
}
