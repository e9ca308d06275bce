/** Remembers what could not be restored, files and whole stretches of the manifest, to look for it in other backups. */
import type { Extent, FileEntry, ObjectRef } from "../../core/format/entry.ts";
import type { ByteString } from "../../core/format/path.ts";

export type LostFile = {
  readonly entry: FileEntry;
  /** Where its content should lie: looking there again is no use. */
  readonly places: ReadonlySet<string>;
};

/** What a lost part of the manifest had: nobody knows which entries. */
export type LostStretch = { readonly first: ByteString; readonly next: ByteString | undefined };

/** Bounds on what is remembered. */
const mostStretches = 100;
const mostFiles = 10_000;
const mostExtents = 500_000;

export class LostFiles {
  readonly #files = new Map<ByteString, LostFile>();
  #extents = 0;
  readonly stretches: LostStretch[] = [];
  /** Files beyond the bounds. */
  forgotten = 0;

  add(entry: FileEntry, objects: readonly ObjectRef[]): void {
    if (this.#files.size >= mostFiles || this.#extents + entry.extents.length > mostExtents) {
      this.forgotten += 1;
      return;
    }
    this.#extents += entry.extents.length;
    this.put({ entry, places: placesOf(entry, objects) });
  }

  addStretch(stretch: LostStretch): void {
    if (this.stretches.length < mostStretches) this.stretches.push(stretch);
  }

  get hasFiles(): boolean {
    return this.#files.size > 0;
  }

  get isEmpty(): boolean {
    return !this.hasFiles && this.stretches.length === 0;
  }

  /** Returns it to the lost ones. */
  put(file: LostFile): void {
    this.#files.set(file.entry.path, file);
  }

  get(path: ByteString): LostFile | undefined {
    return this.#files.get(path);
  }

  /** Call when it has been restored after all. */
  delete(path: ByteString): void {
    this.#files.delete(path);
  }

  /** Returns their paths in byte order. */
  paths(): ByteString[] {
    return [...this.#files.keys()].sort();
  }
}

/** Returns where the content of a file lies. */
export function placesOf({ extents }: FileEntry, objects: readonly ObjectRef[]): Set<string> {
  return new Set(extents.map((extent) => placeOf(extent, objects)));
}

function placeOf({ object, frameOffset }: Extent, objects: readonly ObjectRef[]): string {
  const { key, version } = objects[object] ?? { key: "", version: "" };
  return `${key} ${version} ${frameOffset}`;
}
