/** Counts what became of the objects that a prune looked at, by kind and name. */
import type { Stored } from "../bucket/contract.ts";
import type { Classified, ObjectKind } from "./versions.ts";

/**
 * What became of an object:
 *
 * - `removed`: it is gone, or would be without a dry run
 * - `locked`: it is not needed, but S3 keeps it for now
 * - `refused`: it is not needed, but could not be removed for another reason
 * - `held`: no backup that can be read needs it, but something unreadable may: see `holds.ts`
 * - `kept`: it is needed
 */
export type Fate = "removed" | "locked" | "refused" | "held" | "kept";

export type Amount = { objects: number; bytes: number };

export type TallyRow = { readonly kind: ObjectKind; readonly name: string | undefined } & {
  readonly [fate in Fate]: Amount;
};

export class Tally {
  readonly #rows = new Map<string, TallyRow>();
  #lockedUntil: Date | undefined;
  /** Delete markers have no bytes and go with the last version of their key. */
  markers = 0;

  add({ kind, name }: Classified, { size }: Stored, fate: Fate, lockedUntil?: Date): void {
    const id = `${kind} ${name ?? ""}`;
    const row = this.#rows.get(id) ?? emptyRow(kind, name);
    this.#rows.set(id, row);
    row[fate].objects += 1;
    row[fate].bytes += size;
    if (lockedUntil !== undefined && lockedUntil > (this.#lockedUntil ?? 0)) this.#lockedUntil = lockedUntil;
  }

  /** Returns the rows in order of kind and name. */
  rows(): TallyRow[] {
    return [...this.#rows].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, row]) => row);
  }

  total(fate: Fate): Amount {
    const amounts = [...this.#rows.values()].map((row) => row[fate]);
    return {
      objects: amounts.reduce((sum, { objects }) => sum + objects, 0),
      bytes: amounts.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /** When the last of the locks ends that were met; undefined if there was none, or no date was known. */
  get lockedUntil(): Date | undefined {
    return this.#lockedUntil;
  }
}

function emptyRow(kind: ObjectKind, name: string | undefined): TallyRow {
  const none = (): Amount => ({ objects: 0, bytes: 0 });
  return { kind, name, removed: none(), locked: none(), refused: none(), held: none(), kept: none() };
}
