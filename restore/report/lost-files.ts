/** Remembers what could not be restored, files and whole stretches of the manifest, to look for it in other backups. */
import type { Extent, FileEntry, ObjectRef } from "../../core/format/entries/entry.ts";
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
  /** The one that is being restored from another backup. */
  #retried: LostFile | undefined;
  #extents = 0;
  readonly stretches: LostStretch[] = [];
  /** Files beyond the bounds. */
  forgotten = 0;

  /** Returns whether its loss is news. It is none of a file that is lost in another backup, too: that one stays lost as it was. */
  add(entry: FileEntry, objects: readonly ObjectRef[]): boolean {
    if (this.#retried?.entry.path === entry.path) {
      this.put(this.#retried);
      return false;
    }
    if (this.#files.size >= mostFiles || this.#extents + entry.extents.length > mostExtents) {
      this.forgotten += 1;
      return true;
    }
    this.#extents += entry.extents.length;
    this.put({ entry, places: placesOf(entry, objects) });
    return true;
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

  /** Takes a file out, to restore it from another backup. It is lost again if `add` or `put` is called for it. */
  retry(path: ByteString): LostFile | undefined {
    this.#retried = this.#files.get(path);
    this.#files.delete(path);
    return this.#retried;
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
