/**
 * The arithmetic of a fleet: what all its machines ask for on a day on which each has new content, most of it the same everywhere. The
 * first machine runs before the others, and a reader reads after it. `fleet.test.ts` compares it with fleets that really run.
 */
import { bytesOfIndex, itemsOf, type StoredShape } from "./bytes.ts";
import type { FleetShape, Mode } from "./real-fleet.ts";

export type ModelShape = FleetShape &
  StoredShape & {
    /** Days for which index objects, and verified objects, are kept. */
    readonly daysKept: number;
  };

/** Sums over all machines, and the reader. `received`: bytes of index objects and verified objects. `stored`: bytes of packs. */
export type ModelFigures = {
  readonly put: number;
  readonly get: number;
  readonly list: number;
  readonly head: number;
  readonly tableRequests: number;
  readonly tableRead: number;
  readonly tableWritten: number;
  readonly tableWrittenByReader: number;
  readonly received: number;
  /** Bytes of the items that the table gives to machines. */
  readonly answered: number;
  readonly stored: number;
};

/** Index objects of each machine that count as new in a listing: of the last day, and of the one before. */
const unsettled = 2;

const pageSize = 1_000;

export function dayOf(mode: Mode, shape: ModelShape): ModelFigures {
  const { hosts, shared, own, chunkBytes, packBytes, frameBytes, daysKept, version } = shape;
  const others = hosts - 1;
  const isAlone = mode === "alone";
  const ofFirst = shared + own;
  const storedByOther = isAlone ? ofFirst : own;
  const packsOf = (chunks: number) => Math.max(1, Math.ceil((chunks * chunkBytes) / packBytes));
  const packsOfFirst = packsOf(ofFirst);
  const packs = packsOfFirst + others * packsOf(storedByOther);
  const sharedPacks = isAlone ? 0 : others * packsOfFirst;
  const ofAll = bytesOfIndex(hosts, packs, ofFirst + others * storedByOther, version);
  const noted = ofFirst + others * own;
  const notedPacks = packsOfFirst + others * packsOf(own);
  const notedBytes = bytesOfIndex(2, notedPacks, noted, version);
  const common = {
    // Besides packs: a part, an index object, the root.
    put: packs + 3 * hosts,
    head: sharedPacks,
    stored: (ofFirst + others * storedByOther) * chunkBytes,
  };
  const none = { answered: 0, tableRequests: 0, tableRead: 0, tableWritten: 0, tableWrittenByReader: 0 };
  // Each looks for its own newest index object; those who found something list the packs that they ask about.
  const lists = hosts + (isAlone ? 0 : others);
  switch (mode) {
    case "alone":
      return { ...common, ...none, get: 0, list: lists, received: 0 };
    case "index": {
      let pages = 0;
      for (let before = 0; before < hosts; before += 1) pages += pagesOf(before, hosts, daysKept);
      return { ...common, ...none, get: hosts * others, list: pages + others, received: others * ofAll };
    }
    case "verified":
      return { ...common, ...none, get: 2 * hosts, list: lists + hosts, received: hosts * notedBytes };
    case "table": {
      const frames = Math.max(1, Math.ceil((ofFirst * chunkBytes) / frameBytes));
      const keys = hosts * ofFirst;
      // An item for each chunk, each pack, and one that says what is there.
      const written = ofFirst + others * own + packs + hosts;
      const items = itemsOf(shape, ofFirst / packsOfFirst);
      const reads = hosts * frames + sharedPacks + hosts;
      return {
        ...common,
        // Each reads its own index object twice to put its items.
        get: 2 * hosts,
        list: lists + hosts,
        received: 2 * ofAll,
        answered: others * (shared * items.chunk + packsOfFirst * items.pack) + hosts * items.mark,
        tableRequests: written + reads,
        tableRead: keys + sharedPacks + hosts,
        tableWritten: written,
        tableWrittenByReader: noted + notedPacks + 2,
      };
    }
  }
}

/**
 * Requests that list the index objects of all, for a machine before which so many ran today. A page that ends among what is settled is
 * followed by one that begins behind that.
 */
function pagesOf(before: number, hosts: number, daysKept: number): number {
  const beforeToday = daysKept - 1;
  const ofToday = before * daysKept;
  const all = ofToday + (hosts - before) * beforeToday;
  let pages = 0;
  for (let end = 0; end < all || pages === 0; pages += 1) {
    end += pageSize;
    const ofHost = end <= ofToday ? daysKept : beforeToday;
    const within = (end <= ofToday ? end : end - ofToday) % ofHost;
    if (within > 0) end += Math.max(0, ofHost - unsettled - within);
  }
  return pages;
}

/** US dollars of us-east-1, for a million: requests of S3 in STANDARD, and units of DynamoDB on demand. */
const prices = { put: 5, list: 5, get: 0.4, head: 0.4, readUnit: 0.125, writeUnit: 0.625 } as const;

/** An item has less than 1 KB: a write unit, and half a read unit, as reads need not be consistent. */
export function dollarsOf(figures: ModelFigures): number {
  const { put, list, get, head, tableRead, tableWritten, tableWrittenByReader } = figures;
  const bucket = put * prices.put + list * prices.list + (get + head) * prices.get;
  const table = (tableRead / 2) * prices.readUnit + (tableWritten + tableWrittenByReader) * prices.writeUnit;
  return (bucket + table) / 1e6;
}

/** What a machine asks for that joins the fleet, to find what it need not store. */
export function joining(mode: Mode, shape: ModelShape, all: { readonly shared: number; readonly own: number }) {
  const { hosts, shared, own, daysKept } = shape;
  const chunks = all.shared + all.own;
  // What has come since, of which the index objects are kept.
  const listed = all.shared + shared * daysKept + hosts * (all.own + own * daysKept);
  const objects = mode === "index" ? hosts * daysKept : mode === "verified" ? 2 * daysKept : 0;
  const isTable = mode === "table";
  return {
    get: objects,
    received: isTable
      ? all.shared * itemsOf(shape, shape.packBytes / shape.chunkBytes).chunk
      : objects === 0
        ? 0
        : bytesOfIndex(objects, hosts * daysKept, listed, shape.version),
    rows: isTable ? all.shared : objects === 0 ? 0 : listed,
    tableRead: isTable ? chunks : 0,
    dollars: ((isTable ? (chunks / 2) * prices.readUnit : 0) + objects * prices.get) / 1e6,
  };
}

/** The number of machines from which on the table takes less of something than index objects do. */
export function crossover(
  shape: Omit<ModelShape, "hosts">,
  of: (figures: ModelFigures) => number,
  other: Mode,
): number {
  for (let hosts = 2; hosts <= 100_000; hosts += 1)
    if (of(dayOf("table", { ...shape, hosts })) < of(dayOf(other, { ...shape, hosts }))) return hosts;
  return Number.POSITIVE_INFINITY;
}
