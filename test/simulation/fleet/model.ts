/**
 * The arithmetic of a fleet: what all its machines ask for on a day on which each has new content, most of it the same everywhere. The
 * first machine runs before the others, and a reader reads after it. `fleet.test.ts` compares it with fleets that really run.
 */
import { encodeChunk, sharedKeys } from "../../../core/format/shared-chunk.ts";
import type { FleetShape, Mode } from "./small-fleet.ts";

export type ModelShape = FleetShape & {
  /** Stored bytes of a chunk, and of a pack and a frame at most. */
  readonly chunkBytes: number;
  readonly packBytes: number;
  readonly frameBytes: number;
  /** Days for which index objects, and verified objects, are kept. */
  readonly daysKept: number;
};

/** Sums over all machines, and the reader. `received`: bytes of index objects and verified objects, and of answers of the table. */
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
  readonly stored: number;
};

/** Measured: an index object has these bytes, and so many for each further pack, and each chunk. */
const indexBytes = { object: 310, pack: 40, chunk: 37 } as const;

const sampleId = "0123456789abcdef".repeat(4);
const sampleChunk = {
  key: `packs/${sampleId}.zst`,
  version: "01234567890123456789012345678901",
  frameOffset: 8_123_456,
  frameLength: 712_345,
  offset: 512_345,
  length: 99_999,
};

/** Bytes of an item in an answer, as DynamoDB writes it, and of its key in a request. */
const itemBytes = JSON.stringify({
  s3_key: { S: sharedKeys.chunk("verified", sampleId) },
  ...Object.fromEntries(Object.entries(encodeChunk(sampleChunk)).map(([name, value]) => [name, { S: String(value) }])),
}).length;

const pageSize = 1_000;

export function dayOf(mode: Mode, shape: ModelShape): ModelFigures {
  const { hosts, shared, own, chunkBytes, packBytes, frameBytes, daysKept } = shape;
  const others = hosts - 1;
  const isAlone = mode === "alone";
  const ofFirst = shared + own;
  const storedByOther = isAlone ? ofFirst : own;
  const packsOf = (chunks: number) => Math.max(1, Math.ceil((chunks * chunkBytes) / packBytes));
  const packsOfFirst = packsOf(ofFirst);
  const packs = packsOfFirst + others * packsOf(storedByOther);
  const sharedPacks = isAlone ? 0 : others * packsOfFirst;
  const bytesOf = (chunks: number, packs: number) =>
    indexBytes.object + indexBytes.pack * (packs - 1) + indexBytes.chunk * chunks;
  const ofAll = bytesOf(ofFirst, packsOfFirst) + others * bytesOf(storedByOther, packsOf(storedByOther));
  const noted = ofFirst + others * own;
  const notedPacks = packsOfFirst + others * packsOf(own);
  const notedBytes = 2 * indexBytes.object + indexBytes.pack * (notedPacks - 2) + indexBytes.chunk * noted;
  const common = {
    // Besides packs: a part, an index object, the root.
    put: packs + 3 * hosts,
    head: sharedPacks,
    stored: (ofFirst + others * storedByOther) * chunkBytes,
  };
  const none = { tableRequests: 0, tableRead: 0, tableWritten: 0, tableWrittenByReader: 0 };
  // Each looks for its own newest index object; those who found something list the packs that they ask about.
  const lists = hosts + (isAlone ? 0 : others);
  switch (mode) {
    case "alone":
      return { ...common, ...none, get: 0, list: lists, received: 0 };
    case "index": {
      const pages = Math.max(1, Math.ceil((hosts * daysKept) / pageSize));
      return { ...common, ...none, get: hosts * others, list: hosts * (pages - 1) + lists, received: others * ofAll };
    }
    case "verified":
      return { ...common, ...none, get: 2 * hosts, list: lists + hosts, received: hosts * notedBytes };
    case "table": {
      const frames = Math.max(1, Math.ceil((ofFirst * chunkBytes) / frameBytes));
      const keys = hosts * ofFirst;
      // An item for each chunk, each pack, and one that says what is there.
      const written = ofFirst + others * own + packs + hosts;
      const reads = hosts * frames + sharedPacks + hosts;
      return {
        ...common,
        // Each reads its own index object twice to put its items.
        get: 2 * hosts,
        list: lists + hosts,
        received: 2 * ofAll + others * shared * itemBytes,
        tableRequests: written + reads,
        tableRead: keys + sharedPacks + hosts,
        tableWritten: written,
        tableWrittenByReader: noted + notedPacks + 2,
      };
    }
  }
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
      ? all.shared * itemBytes
      : objects === 0
        ? 0
        : objects * indexBytes.object + listed * indexBytes.chunk,
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
