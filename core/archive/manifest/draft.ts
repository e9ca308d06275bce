/** A part of a manifest that is being put together: its lines, and the objects that they use. */
import type { Database } from "bun:sqlite";
import type { ObjectRef } from "../../format/entries/entry.ts";
import { entryLine } from "../../format/entries/entry-row.ts";
import { keys } from "../../format/keys/keys.ts";
import { checkEntryLine } from "../../format/manifest/check-line.ts";
import { encodePartHead } from "../../format/manifest/part.ts";
import type { ByteString } from "../../format/path.ts";
import { sha256 } from "../../format/sha256.ts";
import type { Notify } from "../../notice.ts";
import { type WriteTarget, writeHashed } from "../../stored/write.ts";
import { release } from "../../system/threads/garbage.ts";
import type { BitSet } from "../state/tables/bit-set.ts";
import type { FileRow } from "../state/tables/files.ts";
import { ObjectTable } from "../state/tables/objects.ts";
import { extentsText } from "../state/tables/packed-extents.ts";
import type { KnownPart } from "../state/tables/parts.ts";
import type { Tree } from "../state/tables/trees.ts";

/** Bytes of an object's line without its key and version. */
const bytesOfObjectLine = 80;

/** Text of a part that is stored while the next one is made: nearly all are smaller. One that is larger is in memory alone. */
export const mostBeside = 8 * 1024 * 1024;

export type PartWriterDeps = {
  readonly target: WriteTarget;
  readonly database: Database;
  /** Whose parts they are. */
  readonly tree: Tree;
  /** The backup name. */
  readonly name: string;
  /** Objects whose lock ends too soon to build upon. */
  readonly expiring: BitSet;
  readonly notify: Notify;
};

export class Draft {
  /** Bytes of its lines. */
  bytes = 0;
  /** Bytes of its objects' lines. */
  objectBytes = 0;
  readonly #deps: PartWriterDeps;
  readonly #known: readonly KnownPart[];
  readonly #first: ByteString;
  readonly #table: ObjectTable;
  readonly #lines = new LineBuffer();
  readonly #objects: ObjectRef[] = [];
  /** State database id to number within the part. */
  readonly #numbers = new Map<number, number>();
  #fileBytes = 0;

  constructor(deps: PartWriterDeps, known: readonly KnownPart[], first: ByteString) {
    this.#deps = deps;
    this.#known = known;
    this.#first = first;
    this.#table = new ObjectTable(deps.database);
  }

  get entries(): number {
    return this.#lines.count;
  }

  /** Throws a FormatError for what readers would refuse, and has added nothing then. */
  add({ head, extents, bytes }: FileRow): void {
    const line = entryLine(head, extents === null ? null : extentsText(extents, this.#numberOf));
    checkEntryLine(line, this.#objects);
    this.#lines.add(line);
    this.bytes += line.length;
    this.#fileBytes += bytes;
  }

  async write(): Promise<KnownPart> {
    const text = this.#lines.end(encodePartHead(this.#objects));
    const textSha256 = sha256(text);
    const stored = this.#knownBy(textSha256) ?? (await this.#put(text));
    this.#lines.release();
    return { first: this.#first, ...stored, textSha256, entries: this.entries, bytes: this.#fileBytes, stale: false };
  }

  readonly #numberOf = (id: number): number => {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    const { key, version, size, encoding } = this.#table.get(id);
    const number = this.#objects.push({ key, version, size, encoding }) - 1;
    this.objectBytes += key.length + version.length + bytesOfObjectLine;
    this.#numbers.set(id, number);
    return number;
  };

  #knownBy(textSha256: string): Pick<KnownPart, "object" | "sha256"> | undefined {
    return this.#known.find(
      (part) => part.textSha256 === textSha256 && part.object !== 0 && !this.#deps.expiring.has(part.object),
    );
  }

  async #put(content: Uint8Array): Promise<Pick<KnownPart, "object" | "sha256">> {
    const { target, name } = this.#deps;
    const keyOf = (digest: string) => keys.part(name, digest);
    const { sha256, ...ref } = await writeHashed(target, { content, codec: "frame", keyOf });
    // Parts are of use to this backup name only, so no index object lists them.
    return { object: this.#table.add(ref, target.retention.until, true), sha256 };
  }
}

const newline = 10;
const firstCapacity = 4 * 1024 * 1024;
/** Room before the lines: for what comes before them in nearly all parts. */
const roomBefore = 64 * 1024;
/** Bytes of UTF-8 for each unit of a text, at most. */
const mostOfUnit = 3;

/** Lines as bytes: as texts, those of a part take three times as much memory until it is stored. */
class LineBuffer {
  count = 0;
  #bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(firstCapacity);
  /** Where the lines end. */
  #end = roomBefore;

  add(line: string): void {
    const most = this.#end + mostOfUnit * line.length + 1;
    if (most > this.#bytes.length) this.#grow(Math.max(most, 2 * this.#bytes.length));
    this.#end += this.#bytes.write(line, this.#end);
    this.#bytes[this.#end++] = newline;
    this.count += 1;
  }

  #grow(capacity: number): void {
    this.#bytes = Buffer.from(this.#bytes.buffer.transfer(capacity));
  }

  /** Returns the lines behind what comes before them, until they are released. No more can be added. */
  end(before: string): Buffer {
    const head = Buffer.from(before);
    if (head.length > roomBefore) return Buffer.concat([head, this.#bytes.subarray(roomBefore, this.#end)]);
    const start = roomBefore - head.length;
    head.copy(this.#bytes, start);
    return this.#bytes.subarray(start, this.#end);
  }

  release(): void {
    release(this.#bytes);
  }
}
