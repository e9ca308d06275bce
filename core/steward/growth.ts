/**
 * Reports what each backup name holds, and what came in the last week: anybody with a machine's key can put any number of backups
 * with good dates, and no rule tells them from genuine ones. All by the server's dates.
 */

import type { DatedVersion } from "../bucket/contract.ts";
import { day } from "../format/day.ts";
import type { Notify } from "../notice.ts";
import type { Root } from "./root.ts";
import type { Amount } from "./tally.ts";

/** What a name holds. Content that several names need counts for the one that was read first. */
export type Holding = {
  readonly name: string;
  readonly backups: number;
  readonly newBackups: number;
  readonly bytes: number;
  /** Undefined if dates of objects were not looked at. */
  readonly newBytes: number | undefined;
};

const week = 7 * day;
/** Bytes, and backups of a week, that are too few to be worth a warning. */
const fewBytes = 1024 ** 3;
const fewBackups = 14;
/** So many times what it was before is out of proportion. */
const tooMany = 4;
const mostReported = 10;

type Sums = { backups: number; newBackups: number; first: number };

export class Growth {
  readonly #names = new Map<string, Sums>();
  readonly #byOwner: Amount[] = [];
  readonly #newByOwner: Amount[] = [];

  readonly #now: Date;

  constructor(roots: readonly Root[], now: Date) {
    this.#now = now;
    for (const { name, time } of roots) {
      const first = { backups: 0, newBackups: 0, first: time.getTime() };
      const sums = this.#names.get(name) ?? first;
      this.#names.set(name, sums);
      sums.backups += 1;
      sums.first = Math.min(sums.first, time.getTime());
      if (this.#isNew(time)) sums.newBackups += 1;
    }
  }

  #isNew(stored: Date): boolean {
    return stored.getTime() > this.#now.getTime() - week;
  }

  /** Adds an object that the name with this number needs. */
  addObject(owner: number, { size, stored }: Pick<DatedVersion, "size" | "stored">): void {
    add(this.#byOwner, owner, size);
    if (this.#isNew(stored)) add(this.#newByOwner, owner, size);
  }

  /** Adds an object of which nobody looked when it was stored. */
  addUndated(owner: number, size: number): void {
    add(this.#byOwner, owner, size);
  }

  /** Returns what names hold, those with the most first. `owners`: names by number. */
  holdings(owners: readonly string[], isChosen: (name: string) => boolean, dated: boolean): Holding[] {
    const numbers = new Map(owners.map((name, number) => [name, number]));
    return [...this.#names]
      .filter(([name]) => isChosen(name))
      .map(([name, { backups, newBackups }]) => {
        const owner = numbers.get(name) ?? -1;
        const newBytes = dated ? (this.#newByOwner[owner]?.bytes ?? 0) : undefined;
        return { name, backups, newBackups, bytes: this.#byOwner[owner]?.bytes ?? 0, newBytes };
      })
      .sort((one, other) => other.bytes - one.bytes || other.backups - one.backups || (one.name < other.name ? -1 : 1));
  }

  /** Warns of names that grew out of proportion to what they held before, if they have a history. */
  warn(holdings: readonly Holding[], notify: Notify): void {
    const grown = holdings.filter((holding) => this.#isOutOfProportion(holding));
    for (const { name, newBackups, backups, newBytes = 0, bytes } of grown.slice(0, mostReported)) {
      const size = newBytes === 0 ? "" : `, with ${mebibytes(newBytes)} of ${mebibytes(bytes)}`;
      const message = `${JSON.stringify(name)} grew out of proportion: ${newBackups} of its ${backups} backups came in the last week${size}; if that is not yours, its key may be stolen: stop prune for that name until you know`;
      notify({ level: "warning", code: "name-grew", message });
    }
    if (grown.length > mostReported) {
      const message = `${grown.length - mostReported} more names grew out of proportion`;
      notify({ level: "warning", code: "name-grew", message });
    }
  }

  #isOutOfProportion({ name, backups, newBackups, bytes, newBytes = 0 }: Holding): boolean {
    const first = this.#names.get(name)?.first ?? 0;
    const weeksBefore = (this.#now.getTime() - week - first) / week;
    if (weeksBefore <= 0) return newBackups > fewBackups * tooMany;
    const usual = (backups - newBackups) / Math.max(1, weeksBefore);
    const isMany = newBackups > Math.max(fewBackups, tooMany * usual);
    return isMany || (newBytes > fewBytes && newBytes > bytes - newBytes);
  }
}

function add(amounts: Amount[], owner: number, bytes: number): void {
  const amount = amounts[owner] ?? { objects: 0, bytes: 0 };
  amounts[owner] = amount;
  amount.objects += 1;
  amount.bytes += bytes;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
