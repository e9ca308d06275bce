/** Goes through the entries of a backup that the user has chosen. Folders that only lead to them come when the first of them does. */
import type { FolderEntry, ObjectRef, PartEntry } from "../../core/format/entries/entry.ts";
import type { BundleRef, Manifest } from "../../core/format/manifest/manifest.ts";
import type { BadEntry } from "../../core/format/manifest/part.ts";
import type { ByteString } from "../../core/format/path.ts";
import { bundlesInOrder, isReadable, type PartList, tableOf } from "../../core/manifest/part-lists.ts";
import type { LoadedPart } from "../../core/manifest/read.ts";
import { type OnLostPart, walkParts } from "../../core/manifest/walk.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import type { Selection } from "./select.ts";
import { strippedEntry, strippedPath } from "./strip.ts";
import { TakenPaths } from "./taken-paths.ts";

/**
 * An entry, with its path in the target. `stored`: its path in the backup. `selected` is false for folders that only lead to selected
 * paths.
 */
export type ChosenEntry = { readonly entry: PartEntry; readonly stored: ByteString; readonly selected: boolean };

export type ChosenPart = { readonly objects: readonly ObjectRef[]; readonly chosen: readonly ChosenEntry[] };

/** `bundle`: undefined for the files. */
type ChosenList = PartList & { readonly bundle?: BundleRef };

export type ChosenDeps = {
  readonly bucket: ObjectSource;
  readonly manifest: Manifest;
  readonly selection: Selection;
  /** Steps that are taken off the beginning of paths. */
  readonly strip: number;
  /** Folders that are there need not be brought to lead to something. */
  readonly isThere: (folder: ByteString) => boolean;
  readonly onLostPart: OnLostPart;
  readonly onBadEntry: (entry: BadEntry) => void;
  /** Called for an entry that does not come, as another one has its path without these steps. */
  readonly onTaken: (stored: ByteString, path: ByteString) => void;
  /** Called for a bundle that may hold something chosen, and that nobody can open here. */
  readonly onSealed: (bundle: BundleRef) => void;
};

export class ChosenEntries implements Disposable {
  readonly #deps: ChosenDeps;
  /** Folders on the way to the current path that were not needed yet. */
  readonly #pending = new Map<ByteString, FolderEntry>();
  /** Undefined if all paths are as in the backup. */
  readonly #taken: TakenPaths | undefined;
  #isNothing = true;
  #hasGaps = false;

  constructor(deps: ChosenDeps) {
    this.#deps = deps;
    this.#taken = deps.strip === 0 ? undefined : new TakenPaths();
  }

  [Symbol.dispose](): void {
    this.#taken?.[Symbol.dispose]();
  }

  /** Whether the backup has something, and nothing of it was chosen so far. */
  get isNothing(): boolean {
    return this.#isNothing && this.#deps.manifest.totals.entries > 0;
  }

  /** Whether something that may be chosen could not be read so far: a part of the manifest, or the table of a sealed bundle. */
  get hasGaps(): boolean {
    return this.#hasGaps;
  }

  /** Yields the list of files, and then of each bundle that is concerned. */
  *lists(): Generator<ChosenList> {
    const { manifest, selection, onSealed } = this.#deps;
    yield { parts: manifest.parts };
    for (const bundle of bundlesInOrder(manifest)) {
      const table = tableOf(bundle);
      const [first] = table.parts;
      if (first === undefined || !selection.concerns(first.first, table.end)) continue;
      if (isReadable(bundle)) {
        yield { ...table, bundle };
        continue;
      }
      this.#hasGaps = true;
      onSealed(bundle);
    }
  }

  async *in(list: PartList): AsyncGenerator<ChosenPart> {
    const { bucket, selection, onLostPart, onBadEntry } = this.#deps;
    this.#pending.clear();
    const parts = walkParts({
      bucket,
      manifest: list,
      concerns: selection.concerns.bind(selection),
      wanted: (entry) => this.#isWanted(entry),
      onLost: (part, loss, next) => {
        this.#hasGaps = true;
        onLostPart(part, loss, next);
      },
      onBadEntry,
    });
    for await (const part of parts) {
      const choose = () => this.#chosenIn(part);
      yield this.#taken?.forPart(choose) ?? choose();
    }
  }

  /** Returns an entry of another backup if it is selected. */
  ofSelected(entry: PartEntry): ChosenEntry[] {
    return this.#roleOf(entry) === "selected" ? [{ entry, stored: entry.path, selected: true }] : [];
  }

  #isWanted(entry: PartEntry): boolean {
    const role = this.#roleOf(entry);
    return role === "selected" || (role !== "none" && entry.type === "folder");
  }

  #roleOf(entry: PartEntry) {
    const { selection } = this.#deps;
    return entry.type === "segment"
      ? selection.role(entry.file, false)
      : selection.role(entry.path, entry.type === "folder");
  }

  #chosenIn({ objects, entries }: LoadedPart): ChosenPart {
    const chosen: ChosenEntry[] = [];
    for (const entry of entries) {
      const role = this.#roleOf(entry);
      this.#leaveBehind(entry.path);
      if (role === "may lead" && entry.type === "folder") {
        this.#pending.set(entry.path, entry);
        continue;
      }
      this.#addLeading(entry.path, chosen);
      this.#add(entry, role === "selected", chosen);
    }
    return { objects, chosen };
  }

  /** Entries in a folder sort from `path/` up to `path0`. What comes before `path/` begins with `path`, too. */
  #leaveBehind(next: ByteString): void {
    for (const path of this.#pending.keys()) {
      if (path !== "/" && !next.startsWith(path)) this.#pending.delete(path);
    }
  }

  #addLeading(to: ByteString, chosen: ChosenEntry[]): void {
    for (const [path, folder] of this.#pending) {
      if (path !== "/" && !to.startsWith(`${path}/`)) continue;
      this.#pending.delete(path);
      const stripped = strippedPath(path, this.#deps.strip);
      if (stripped !== undefined && !this.#deps.isThere(stripped)) this.#add(folder, false, chosen);
    }
  }

  #add(entry: PartEntry, selected: boolean, chosen: ChosenEntry[]): void {
    const stripped = strippedEntry(entry, this.#deps.strip);
    if (stripped === undefined) return;
    const path = stripped.type === "segment" ? stripped.file : stripped.path;
    if (selected && path !== "/") this.#isNothing = false;
    const claim = this.#taken?.claim(entry, path) ?? "new";
    if (claim === "new") chosen.push({ entry: stripped, stored: entry.path, selected });
    else if (claim === "refused" && entry.type !== "segment") this.#deps.onTaken(entry.path, path);
  }
}
