/** The rows of the last run, and which of them this one has met: the others are gone. */
import type { ByteString } from "../../format/path.ts";
import { BitSet } from "../state/tables/bit-set.ts";
import type { FileLook, FileTable } from "../state/tables/files.ts";
import { LookCursor } from "../state/tables/look-cursor.ts";

export class KnownRows {
  readonly #files: FileTable;
  readonly #cursor: LookCursor;
  readonly #before: { readonly rows: number; readonly last: number };
  /** By number of the row. */
  readonly #met = new BitSet();
  readonly #kept = new BitSet();
  #areAllKept = false;

  constructor(files: FileTable, options: { readonly extents: boolean }) {
    this.#files = files;
    this.#before = files.numbered();
    this.#cursor = new LookCursor(files, options);
  }

  get size(): number {
    return this.#before.rows;
  }

  at(path: ByteString): FileLook | undefined {
    return this.#before.rows === 0 ? undefined : this.#cursor.at(path);
  }

  /** Returns whether a row was met before, and notes that it is now. */
  meet({ number }: FileLook): boolean {
    const wasMet = this.#met.has(number);
    this.#met.add(number);
    return wasMet;
  }

  /** Notes that a row stays as it is, and is counted. */
  keep({ number }: FileLook): void {
    this.#kept.add(number);
  }

  /** Notes that all rows stay as they are, unless they are met. */
  keepAll(): void {
    this.#areAllKept = true;
  }

  isKept({ number }: FileLook): boolean {
    return this.#areAllKept ? number <= this.#before.last : this.#kept.has(number);
  }

  /** Call when rows were removed that lie ahead. */
  refresh(): void {
    this.#cursor.refresh();
  }

  /** Yields the paths of rows that were not met, in byte order. They may be removed meanwhile. */
  *unmet(): Generator<ByteString> {
    if (this.#met.size === this.#before.rows) return;
    for (const { path, number } of this.#files.looksInOrder({ extents: false })) {
      // This run has written what has a greater number.
      if (number <= this.#before.last && !this.#met.has(number)) yield path;
    }
  }
}
