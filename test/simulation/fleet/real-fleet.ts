/** A small fleet that really runs: machines that archive to one bucket, a reader, and a table of moto. What each run takes is counted. */
import { rm } from "node:fs/promises";
import { publish } from "../../../core/archive/shared-index/publish.ts";
import { type Counts, count, noCounts } from "../../../core/bucket/decorators/count.ts";
import type { TableCounts } from "../../../core/table/contract.ts";
import { Notes } from "../../../restore/verify/notes.ts";
import { noise } from "../../core/archive/noise.ts";
import { day, Rig } from "../../core/archive/rig.ts";
import { newTable, type OpenedTable, opened } from "../../core/table/support.ts";
import { verified } from "../../restore/verify/plant.ts";
import type { MotoAddress } from "../../support/services.ts";

/** What a machine believes: itself; the index objects of all; verified objects; or these by a table. */
export const modes = ["alone", "index", "verified", "table"] as const;
export type Mode = (typeof modes)[number];

export type FleetShape = {
  readonly hosts: number;
  /** New chunks of each machine and day: those that all machines get, and those of its own. */
  readonly shared: number;
  readonly own: number;
};

/** Sums over the machines of a day. */
export type DayFigures = { readonly bucket: Counts; readonly table: TableCounts; readonly reader: DayOfReader };
type DayOfReader = { readonly bucket: Counts; readonly table: TableCounts };

const chunkBytes = 2_000;

/** Returns what the last day took, when all is as on any other day. */
export async function runFleet(mode: Mode, shape: FleetShape, moto: MotoAddress): Promise<DayFigures> {
  await using rig = await Rig.make();
  await using fleet = new SmallFleet(rig, mode, shape, opened(await newTable(moto), moto));
  await fleet.day(0);
  await fleet.day(1);
  return await fleet.day(2);
}

class SmallFleet implements AsyncDisposable {
  readonly #rig: Rig;
  readonly #mode: Mode;
  readonly #shape: FleetShape;
  readonly #table: OpenedTable;

  constructor(rig: Rig, mode: Mode, shape: FleetShape, table: OpenedTable) {
    this.#rig = rig;
    this.#mode = mode;
    this.#shape = shape;
    this.#table = table;
  }

  async day(today: number): Promise<DayFigures> {
    const bucket = noCounts();
    const table = { requests: 0, read: 0, written: 0 };
    let reader: DayOfReader = { bucket: noCounts(), table: { ...table } };
    for (let host = 0; host < this.#shape.hosts; host += 1) {
      await this.#writeFiles(host, today);
      addTo(table, await this.#counted(async () => addTo(bucket, (await this.#archive(host)).counts)));
      // The first machine is updated before the others, as everywhere.
      if (host === 0) reader = await this.#read();
      this.#rig.ahead += 60_000;
    }
    this.#rig.ahead += day;
    return { bucket, table, reader };
  }

  /** All machines have one folder, one after the other. */
  async #writeFiles(host: number, today: number): Promise<void> {
    const { shared, own } = this.#shape;
    await rm(this.#rig.file(), { recursive: true, force: true });
    for (let past = 0; past <= today; past += 1) {
      for (let file = 0; file < shared; file += 1)
        await this.#rig.write(`day${past}/${file}`, noise(chunkBytes, 1 + past * 1_000 + file));
      for (let file = 0; file < own; file += 1)
        await this.#rig.write(`own${past}/${file}`, noise(chunkBytes, 1_000_000 * (host + 1) + past * 1_000 + file));
    }
  }

  #archive(host: number) {
    const name = `host${host}`;
    const content = { shareWith: this.#mode === "index" ? ["*"] : [], believeVerified: this.#believesVerified };
    return this.#rig.run({ name, content, ...(this.#mode === "table" && { table: this.#table }) });
  }

  get #believesVerified(): boolean {
    return this.#mode === "verified" || this.#mode === "table";
  }

  async #read(): Promise<DayOfReader> {
    const counts = noCounts();
    if (!this.#believesVerified) return { bucket: counts, table: { requests: 0, read: 0, written: 0 } };
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.#table.close();
  }
}

function addTo<T extends Record<string, number>>(sum: T, more: Readonly<Record<string, number>>): void {
  for (const [name, figure] of Object.entries(more)) Reflect.set(sum, name, (sum[name] ?? 0) + figure);
}
