/** A fleet that really runs: machines that archive to one bucket in a folder, a reader, and a table. What each run takes is counted. */
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { archive } from "../../../core/archive/archive.ts";
import { publish } from "../../../core/archive/shared-index/publish.ts";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { type Counts, count, noCounts } from "../../../core/bucket/decorators/count.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { keyAttribute, noTableCounts, type TableAttributes, type TableCounts } from "../../../core/table/contract.ts";
import { Notes } from "../../../restore/verify/notes.ts";
import { noise } from "../../core/archive/noise.ts";
import { day, Rig } from "../../core/archive/rig.ts";
import { notebook } from "../../core/archive/scripts.ts";
import { verified } from "../../restore/verify/plant.ts";
import type { CountedTable } from "./counting-table.ts";

/** What a machine believes: itself; the index objects of all; verified objects; or these by a table. */
export const modes = ["alone", "index", "verified", "table"] as const;
export type Mode = (typeof modes)[number];

export type FleetShape = {
  readonly hosts: number;
  /** New chunks of each machine and day: those that all machines get, and those of its own. */
  readonly shared: number;
  readonly own: number;
};

/** Sums over the machines of a day. `packs`: bytes put of these. `answered`: bytes of the items that the table gave them. */
export type DayFigures = {
  readonly bucket: Counts;
  readonly packs: number;
  readonly table: TableCounts;
  readonly answered: number;
  readonly reader: DayOfReader;
};
type DayOfReader = { readonly bucket: Counts; readonly table: TableCounts };

export const chunkBytes = 2_000;
const minute = 60_000;

/** On the second day all is as on any other. With a reader on the third: the first of the machines reads what it noted before and after. */
export function daysRun(mode: Mode): number {
  return mode === "alone" || mode === "index" ? 2 : 3;
}

/** Returns what the last day took. */
export async function runFleet(mode: Mode, shape: FleetShape, table: CountedTable): Promise<DayFigures> {
  await using rig = await Rig.make();
  const fleet = new Fleet(rig, mode, shape, table);
  const last = daysRun(mode) - 1;
  for (let today = 0; today < last; today += 1) await fleet.day(today);
  return await fleet.day(last);
}

class Fleet {
  readonly #rig: Rig;
  readonly #mode: Mode;
  readonly #shape: FleetShape;
  readonly #table: CountedTable;
  #packs = 0;
  #answered = 0;

  constructor(rig: Rig, mode: Mode, shape: FleetShape, table: CountedTable) {
    this.#rig = rig;
    this.#mode = mode;
    this.#shape = shape;
    this.#table = this.#measured(table);
  }

  async day(today: number): Promise<DayFigures> {
    const bucket = noCounts();
    const table = noTableCounts();
    this.#packs = 0;
    let answered = 0;
    let reader: DayOfReader = { bucket: noCounts(), table: noTableCounts() };
    await this.#writeShared(today);
    for (let host = 0; host < this.#shape.hosts; host += 1) {
      await this.#enter(host, today);
      const before = this.#answered;
      addTo(table, await this.#counted(async () => addTo(bucket, await this.#archive(host))));
      answered += this.#answered - before;
      await rename(this.#rig.file("own"), this.#ownOf(host));
      // The first machine is updated before the others, as everywhere.
      if (host === 0) reader = await this.#read();
      this.#rig.ahead += minute;
    }
    this.#rig.ahead += day - this.#shape.hosts * minute;
    return { bucket, packs: this.#packs, table, answered, reader };
  }

  /** All machines have these files, unchanged from one to the next. */
  async #writeShared(today: number): Promise<void> {
    for (let file = 0; file < this.#shape.shared; file += 1)
      await this.#rig.write(`shared/${today}/${file}`, noise(chunkBytes, 1 + today * 1_000 + file));
  }

  /** Where files of a machine lie while it does not run. Moved with their folder, they are unchanged. */
  #ownOf(host: number): string {
    return join(this.#rig.path, `own${host}`);
  }

  async #enter(host: number, today: number): Promise<void> {
    if (today === 0) await mkdir(this.#rig.file("own"));
    else await rename(this.#ownOf(host), this.#rig.file("own"));
    for (let file = 0; file < this.#shape.own; file += 1)
      await this.#rig.write(`own/${today}/${file}`, noise(chunkBytes, 1_000_000 * (host + 1) + today * 1_000 + file));
  }

  /** Returns what the bucket was asked for. */
  async #archive(host: number): Promise<Counts> {
    const content = { shareWith: this.#mode === "index" ? ["*"] : [], believeVerified: this.#believesVerified };
    const { heard, notify } = notebook();
    const counts = noCounts();
    const name = `host${host}`;
    const options = { name, content, ...(this.#mode === "table" && { table: this.#table }) };
    const { config, ...job } = this.#rig.job(notify, this.#weighed(count(this.#rig.bucket, counts)), options);
    // As each machine has a state folder of its own, no run looks at the files of the others.
    const backup = { ...config.backup, stateDir: join(this.#rig.path, "state", name) };
    await archive({ ...job, config: { ...config, backup } });
    if (heard.length > 0) throw new Error(heard.join("\n"));
    return counts;
  }

  #weighed(bucket: Bucket): Bucket {
    const put: Bucket["put"] = (key, body, options) => {
      if (key.startsWith("packs/")) this.#packs += body.byteLength;
      return bucket.put(key, body, options);
    };
    return wrapBucket(bucket, { put });
  }

  #measured(table: CountedTable): CountedTable {
    const read: CountedTable["read"] = async (keys, attributes) => {
      const found = await table.read(keys, attributes);
      for (const [key, item] of found) this.#answered += answerBytes(key, item);
      return found;
    };
    const { name, counts } = table;
    return {
      name,
      counts,
      read,
      put: (items) => table.put(items),
      advance: (item, attribute) => table.advance(item, attribute),
    };
  }

  get #believesVerified(): boolean {
    return this.#mode === "verified" || this.#mode === "table";
  }

  async #read(): Promise<DayOfReader> {
    const counts = noCounts();
    if (!this.#believesVerified) return { bucket: counts, table: noTableCounts() };
    const table = await this.#counted(async () => {
      const bucket = count(this.#rig.bucket, counts);
      const { now } = this.#rig;
      const retention = { mode: "GOVERNANCE", until: new Date(now().getTime() + 37 * day) } as const;
      const { signal } = new AbortController();
      {
        using notes = await Notes.open({ bucket, retention, run: "9f86d081", now, notify: () => {}, signal });
        if (notes === undefined) throw new Error("verified/ may not be read");
        await verified({ bucket, now, read: notes.lacks.bind(notes), notes });
      }
      if (this.#mode === "table")
        await publish({ bucket, table: this.#table, source: "verified", now: now(), notify: () => {}, signal });
    });
    return { bucket: counts, table };
  }

  /** Returns what the table was asked for meanwhile. */
  async #counted(work: () => Promise<unknown>): Promise<TableCounts> {
    const before = { ...this.#table.counts };
    await work();
    const { requests, read, written } = this.#table.counts;
    return {
      requests: requests - before.requests,
      read: read - before.read,
      written: written - before.written,
    };
  }
}

/** Returns the bytes of an item in an answer, as DynamoDB writes it. */
export function answerBytes(key: string, attributes: TableAttributes): number {
  const values = Object.entries(attributes).map(([name, value]) => [name, { S: String(value) }]);
  return JSON.stringify({ [keyAttribute]: { S: key }, ...Object.fromEntries(values) }).length;
}

function addTo<T extends Record<string, number>>(sum: T, more: Readonly<Record<string, number>>): void {
  for (const [name, figure] of Object.entries(more)) Reflect.set(sum, name, (sum[name] ?? 0) + figure);
}
