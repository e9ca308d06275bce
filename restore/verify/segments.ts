/**
 * Checks that files whose content goes on in segments have all of them, in each backup. The segments may lie in other parts than the
 * file, and parts are read in any order; so what they say is kept in the database of `References`.
 */
import type { Database } from "bun:sqlite";
import type { FileEntry, Segment } from "../../core/format/entries/entry.ts";
import { Continuation, digestOfSegment } from "../../core/format/entries/segment.ts";
import { FormatError } from "../../core/format/error.ts";
import { type ByteString, isByteString } from "../../core/format/path.ts";
import type { ReferencedPart, References } from "../../core/manifest/references/references.ts";

const schema = `
  -- Files, whose \`digest\` is that of all their segments, and the segments. \`count\`: of a file, how many segments it has; of a segment, 0.
  CREATE TEMP TABLE segments (
    file TEXT NOT NULL, part INTEGER NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (file, part, count, start)
  ) WITHOUT ROWID;
`;

/** What a line says of segments. */
export type SegmentLine = {
  readonly file: ByteString;
  readonly start: number;
  readonly size: number;
  readonly digest: string;
  readonly count: number;
};

/** Returns undefined for a file that has its content in its own line. */
export function segmentLine(entry: FileEntry | Segment): SegmentLine | undefined {
  const { size } = entry;
  if (entry.type === "segment")
    return { file: entry.file, start: entry.from, size, digest: digestOfSegment(entry), count: 0 };
  if (entry.continued === undefined) return undefined;
  const { segments, sha256 } = entry.continued;
  return { file: entry.path, start: 0, size, digest: sha256, count: segments };
}

/** A file that cannot be restored. `part`: where its entry is. */
export type WrongSegments = { readonly part: number; readonly file: ByteString; readonly why: string };

type SegmentRow = SegmentLine & { readonly part: number };

export class Segments {
  readonly #database: Database;

  constructor({ database }: References) {
    this.#database = database;
    this.#database.run(schema);
  }

  add({ id, ofDumps }: ReferencedPart, lines: readonly SegmentLine[]): void {
    const insert = this.#database.query<null, [string, number, number, number, string, number]>(
      "INSERT OR IGNORE INTO segments VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#database.transaction(() => {
      for (const { file, start, size, digest, count } of lines)
        insert.run(`${ofDumps ? dumpMark : ""}${file}`, id, start, size, digest, count);
    })();
  }

  /** Yields files that lack segments in some backup, and segments of no file in some backup. A file may come several times. */
  *wrong(): Generator<WrongSegments> {
    const files = this.#database.query<SegmentRow & { readonly backup: number }, []>(
      `SELECT file, part, start, size, digest, count, backup FROM segments JOIN needs ON object = part WHERE count > 0`,
    );
    for (const { backup, part, ...line } of files.iterate()) {
      const why = this.#whyWrong(line, backup);
      if (why !== undefined) yield wrong(part, line.file, why);
    }
    const strays = this.#database.query<Pick<SegmentRow, "file" | "part">, []>(
      `SELECT DISTINCT stray.file file, stray.part part FROM segments stray JOIN needs ON object = stray.part
       WHERE stray.count = 0 AND NOT EXISTS (
         SELECT 1 FROM segments whole JOIN needs beside ON beside.backup = needs.backup AND beside.object = whole.part
         WHERE whole.file = stray.file AND whole.count > 0)`,
    );
    for (const { part, file } of strays.iterate()) yield wrong(part, file, "there are segments of it, but no entry");
  }

  #whyWrong({ file, size, digest, count }: SegmentLine, backup: number): string | undefined {
    const rows = this.#database.query<SegmentRow, [string, number]>(
      `SELECT DISTINCT file, part, start, size, digest, count FROM segments JOIN needs ON object = part
       WHERE file = ? AND backup = ? AND count = 0 ORDER BY start`,
    );
    const continuation = new Continuation({ size, continued: { segments: count, sha256: digest } });
    try {
      for (const row of rows.iterate(file, backup)) continuation.take({ ...row, from: row.start });
      continuation.end();
      return undefined;
    } catch (error) {
      if (error instanceof FormatError) return error.message;
      throw error;
    }
  }
}

/** Stands before the path of a dump, which a file may have, too. */
const dumpMark = "dump ";

function wrong(part: number, marked: string, why: string): WrongSegments {
  const file = marked.startsWith(dumpMark) ? marked.slice(dumpMark.length) : marked;
  if (!isByteString(file)) throw new Error("a path came back changed");
  return { part, file, why };
}
