/**
 * The table of contents of a bundle: what lies where in its tar, in the form of parts of a manifest. Where the object ends is known
 * only when it is stored, so rows wait on disk until then.
 */
import type { Database, Statement } from "bun:sqlite";
import { z } from "zod";
import type { ObjectRef } from "../../format/entries/entry.ts";
import { encodeExtents, entryLine } from "../../format/entries/entry-row.ts";
import { altered, FormatError } from "../../format/error.ts";
import { checkEntryLine } from "../../format/manifest/check-line.ts";
import type { PartRef } from "../../format/manifest/manifest.ts";
import { encodePart, endsPart } from "../../format/manifest/part.ts";
import { type ByteString, isByteString } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import type { Notify } from "../../notice.ts";
import { type WriteTarget, writeHashed } from "../../stored/write.ts";
import { openScratchDatabase } from "../../system/scratch-database.ts";
import { Garbage } from "../../system/threads/garbage.ts";
import { ObjectTable } from "../state/tables/objects.ts";

/** A run of a file's bytes: where it lies in the tar. */
export type TarExtent = readonly [offset: number, length: number, sha256: string];

export type TableRow = {
  readonly path: ByteString;
  readonly head: string;
  /** Undefined for anything but a file. */
  readonly extents: readonly TarExtent[] | undefined;
  /** Size of a file. */
  readonly bytes: number;
};

const tarExtents = z.array(z.tuple([z.number(), z.number(), z.string()]));

/** Throws a FormatError. */
export function decodeTarExtents(text: string): TarExtent[] {
  const result = tarExtents.safeParse(JSON.parse(text));
  if (!result.success) throw altered("extents came back changed");
  return result.data;
}

/** Lines leave rows, texts and what compresses them: for each byte about so many. */
const garbageOfLine = 8;
const garbageLimit = 16 * 1024 * 1024;

export type WriteTableDeps = {
  readonly target: WriteTarget;
  readonly database: Database;
  readonly notify: Notify;
  /** Gives the key, without the suffixes of filters, for the SHA-256 of the stored bytes. */
  readonly keyOf: (sha256: string) => string;
};

type SpooledRow = {
  readonly path: string;
  readonly head: string;
  readonly extents: string | null;
  readonly bytes: number;
};

export class TableSpool implements Disposable {
  readonly #database = openScratchDatabase(
    "CREATE TEMP TABLE lines (number INTEGER PRIMARY KEY, path TEXT, head TEXT, extents TEXT, bytes INTEGER)",
  );
  readonly #insert: Statement<unknown, [string, string, string | null, number]>;
  files = 0;

  constructor() {
    this.#insert = this.#database.query("INSERT INTO lines (path, head, extents, bytes) VALUES (?, ?, ?, ?)");
  }

  /** Rows come in byte order of path. */
  add({ path, head, extents, bytes }: TableRow): void {
    if (extents !== undefined) this.files += 1;
    this.#insert.run(path, head, extents === undefined ? null : JSON.stringify(extents), bytes);
  }

  clear(): void {
    this.#database.run("DELETE FROM lines");
    this.files = 0;
  }

  /** Changes where the content of files lies. */
  relocate(place: (path: ByteString, head: string, extents: readonly TarExtent[]) => readonly TarExtent[]): void {
    const page = this.#database.query<SpooledRow & { number: number }, [number]>(
      "SELECT number, path, head, extents, bytes FROM lines WHERE number > ? AND extents IS NOT NULL ORDER BY number LIMIT 1000",
    );
    const update = this.#database.query<unknown, [string, number]>("UPDATE lines SET extents = ? WHERE number = ?");
    for (let last = 0, rows = page.all(last); rows.length > 0; rows = page.all(last)) {
      for (const { number, path, head, extents } of rows) {
        last = number;
        if (!isByteString(path)) throw altered("a path came back changed");
        update.run(JSON.stringify(place(path, head, decodeTarExtents(extents ?? "[]"))), number);
      }
    }
  }

  /** Puts the table of the bundle that is stored as `object`. Returns its parts. */
  async write(object: ObjectRef, deps: WriteTableDeps): Promise<PartRef[]> {
    const parts: PartRef[] = [];
    const garbage = new Garbage(garbageLimit);
    let draft = new TableDraft(object);
    const lines = this.#database.query<SpooledRow, [number]>(
      "SELECT path, head, extents, bytes FROM lines WHERE number > ? ORDER BY number LIMIT 1000",
    );
    let last = 0;
    for (let rows = lines.all(last); rows.length > 0; rows = lines.all(last)) {
      for (const { path, head, extents, bytes } of rows) {
        last += 1;
        if (!isByteString(path)) throw altered("a path came back changed");
        const line = entryLine(head, extents === null ? null : placed(extents, object));
        if (!draft.take(path, line, bytes, deps.notify)) continue;
        if (!endsPart(path, draft)) continue;
        parts.push(await draft.put(deps));
        garbage.left(draft.bytes * garbageOfLine);
        draft = new TableDraft(object);
      }
    }
    if (draft.entries > 0) parts.push(await draft.put(deps));
    return parts;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/** Returns extents as a part has them: the bundle is one frame. */
function placed(extents: string, { size }: ObjectRef): string {
  return encodeExtents(
    decodeTarExtents(extents).map(([offset, length, sha256]) => {
      return { object: 0, frameOffset: 0, frameLength: size, offset, length, sha256 };
    }),
  );
}

/** A part of the table that is being put together. */
class TableDraft {
  bytes = 0;
  /** Bytes of the line of its object, which do not count: it is one. */
  readonly objectBytes = 0;
  #fileBytes = 0;
  #first: ByteString | undefined;
  readonly #lines: string[] = [];
  readonly #objects: readonly ObjectRef[];

  constructor(object: ObjectRef) {
    this.#objects = [object];
  }

  get entries(): number {
    return this.#lines.length;
  }

  /** Returns whether the line was taken: what readers would refuse is left out by name. */
  take(path: ByteString, line: string, fileBytes: number, notify: Notify): boolean {
    try {
      checkEntryLine(line, this.#objects);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const message = `${quoted(path)} is in the tar of its bundle only: a table of contents cannot describe it: ${error.message}`;
      notify({ level: "warning", code: "unreadable", message });
      return false;
    }
    this.#first ??= path;
    this.#lines.push(line);
    this.bytes += line.length;
    this.#fileBytes += fileBytes;
    return true;
  }

  async put({ target, database, keyOf }: WriteTableDeps): Promise<PartRef> {
    const first = this.#first;
    if (first === undefined) throw new Error("a part of nothing");
    const content = Buffer.from(encodePart(this.#objects, this.#lines));
    const { sha256, encoding, ...stored } = await writeHashed(target, { content, codec: "frame", keyOf });
    new ObjectTable(database).add({ ...stored, encoding }, target.retention.until, true);
    return { ...stored, sha256, first, entries: this.entries, bytes: this.#fileBytes };
  }
}
