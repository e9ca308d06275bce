/** The arithmetic of docs/scale.md: from what was measured at small sizes to what a fleet of any size has, reads and pays. */
import { join } from "node:path";
import { z } from "zod";

/** What one backup of a host with so many files is like. `again`: what a second run puts, after a change of one file in a hundred. */
const measurement = z.strictObject({
  files: z.number(),
  state: z.number(),
  chunks: z.number(),
  parts: z.number(),
  partBytes: z.number(),
  rootBytes: z.number(),
  indexBytes: z.number(),
  again: z.strictObject({ parts: z.number(), partBytes: z.number(), indexBytes: z.number() }),
});

export type Measured = Readonly<z.infer<typeof measurement>>;

const measured = z.strictObject({
  small: measurement,
  large: measurement,
  stateOfChunk: z.number(),
  stateOfClaim: z.number(),
});

export type Measurements = Readonly<z.infer<typeof measured>>;

export const measuredFile = join(import.meta.dir, "measured.json");

export async function recorded(): Promise<Measurements> {
  return measured.parse(await Bun.file(measuredFile).json());
}

/** What one more file, or chunk, adds. */
export type Rates = {
  readonly stateOfFile: number;
  readonly stateOfChunk: number;
  /** For a chunk of another host. */
  readonly stateOfClaim: number;
  readonly partBytesOfFile: number;
  readonly filesOfPart: number;
  readonly rootBytesOfPart: number;
  readonly indexBytesOfChunk: number;
};

/** From the difference of two sizes: what every backup has, whatever its size, does not count. */
export function ratesOf({ small, large, stateOfChunk, stateOfClaim }: Measurements): Rates {
  const files = large.files - small.files;
  const parts = large.parts - small.parts;
  return {
    stateOfFile: (large.state - small.state) / files,
    stateOfChunk,
    stateOfClaim,
    partBytesOfFile: (large.partBytes - small.partBytes) / files,
    filesOfPart: files / parts,
    rootBytesOfPart: (large.rootBytes - small.rootBytes) / parts,
    indexBytesOfChunk: (large.indexBytes - small.indexBytes) / (large.chunks - small.chunks),
  };
}

export type Fleet = {
  readonly name: string;
  readonly hosts: number;
  /** Each host has so many. */
  readonly files: number;
  readonly bytes: number;
};

/** What no measurement says, as the page states it. */
export const assumed = {
  days: 5 * 365,
  /** Share of the files, and of the bytes, that changes in a day. */
  changed: 0.01,
  /** Bytes stored for a byte of content. */
  stored: 0.5,
  /** Days between the backups of a host that are there: 37 that nothing can remove yet, then what is kept of 8 weeks and 12 months. */
  gaps: [...Array<number>(37).fill(1), ...Array<number>(3).fill(7), ...Array<number>(10).fill(30)],
  /** `days_retained` and the slack. */
  locked: 37,
  oldestKept: 365,
  pack: 16 * 1024 ** 2,
  chunk: 1024 ** 2,
  repackBelow: 0.4,
} as const;

/** S3 in us-east-1, USD a request; and a byte that leaves for the internet. As in core/cost/prices.yaml. */
const prices = { put: 0.005 / 1000, get: 0.0004 / 1000, list: 0.005 / 1000, egress: 0.09 / 1024 ** 3 } as const;

/** Objects of a list's page. */
const page = 1000;
/** Chunks of an index object at most. */
const mostIndexed = 100_000;

export type Scale = ReturnType<typeof scaleOf>;

/** What becomes of a fleet after `assumed.days`, pruned each week. Numbers of one host are named so. */
export function scaleOf({ hosts, files, bytes }: Fleet, rates: Rates) {
  const { changed, stored, pack, chunk } = assumed;
  // A file has one chunk at least, and what is longer another one for each MiB.
  const moreChunks = bytes / chunk;
  const chunks = files + moreChunks;
  const parts = Math.ceil(files / rates.filesOfPart);
  const partBytes = files * rates.partBytesOfFile + moreChunks * rates.indexBytesOfChunk;
  const host = {
    chunks,
    moreChunks,
    state: files * rates.stateOfFile + moreChunks * rates.stateOfChunk,
    parts,
    partBytes,
    rootBytes: parts * rates.rootBytesOfPart,
    indexBytes: chunks * rates.indexBytesOfChunk,
    packs: Math.ceil((bytes * stored) / pack),
    changedPacks: Math.ceil((bytes * changed * stored) / pack),
    changedIndexBytes: chunks * changed * rates.indexBytesOfChunk,
    dailyIndexes: Math.ceil((chunks * changed) / mostIndexed),
    /** Parts that a day's changes make new, if they are spread over all folders: an upper bound. */
    changedParts: Math.min(parts, Math.ceil(files * changed)),
    // A list of its own index, and the root.
    unchangedRequests: 2,
  };
  return { host, fleet: fleetOf(hosts, host), newHost: newHostOf(hosts, host, rates) };
}

type Host = Readonly<
  Record<"chunks" | "state" | "parts" | "partBytes" | "packs" | "changedPacks" | "changedParts", number>
> & {
  readonly rootBytes: number;
  readonly indexBytes: number;
  readonly changedIndexBytes: number;
  readonly dailyIndexes: number;
};

/** How often all backups together have the content of one: each has some of its own, which was there a gap ago and was changed since. */
const contentSets = 1 + assumed.gaps.reduce((sum, gap) => sum + 1 - (1 - assumed.changed) ** gap, 0);

/** Days until a pack of the first run is repacked: less than the share is used of it. */
const daysUntilRepacked = Math.ceil(Math.log(assumed.repackBelow) / Math.log(1 - assumed.changed));

/** Days for which an index object speaks of something that exists. */
export const indexDays = Math.min(assumed.days, assumed.oldestKept + daysUntilRepacked + assumed.locked);

function fleetOf(hosts: number, host: Host) {
  const { gaps, days } = assumed;
  const backups = gaps.length;
  const roots = hosts * backups;
  const parts = hosts * (host.parts + (backups - 1) * host.changedParts);
  const packs = hosts * Math.ceil(host.packs * contentSets);
  const indexes = hosts * indexDays * host.dailyIndexes;
  const objects = roots + parts + packs + 2 * indexes;
  const partBytes = (parts / Math.max(1, host.parts)) * host.partBytes;
  return {
    roots,
    parts,
    packs,
    indexes,
    objects,
    partBytes,
    unprunedIndexes: hosts * days * host.dailyIndexes,
    unprunedPartBytes: hosts * (host.partBytes + (days - 1) * (host.changedParts / host.parts) * host.partBytes),
    dailyPuts: hosts * (2 + host.changedParts + host.changedPacks),
    dailyCost: hosts * (2 + host.changedParts + host.changedPacks) * prices.put + hosts * 2 * prices.list,
    verify: requests({ list: objects / page, get: roots + parts + packs }),
    prune: { ...requests({ list: (2 * objects) / page, get: roots + parts + indexes }), bytes: partBytes },
  };
}

function requests({ list, get }: { readonly list: number; readonly get: number }) {
  return { list: Math.ceil(list), get, cost: list * prices.list + get * prices.get };
}

/** What a host reads that has no state, by whom it believes besides itself. */
function newHostOf(hosts: number, host: Host, rates: Rates) {
  const ownChunks = host.chunks * contentSets;
  const first = Math.ceil(host.chunks / mostIndexed);
  const own = { objects: first + indexDays * host.dailyIndexes, chunks: ownChunks };
  const others = (hosts - 1) * host.chunks;
  // A daily `verify --read-data new` of the whole bucket notes up to 100,000 chunks in an object.
  const verified = {
    objects: Math.max(indexDays, Math.ceil((hosts * ownChunks) / mostIndexed)),
    chunks: hosts * ownChunks,
  };
  const all = { objects: hosts * own.objects, chunks: hosts * ownChunks };
  const reading = ({ objects, chunks }: { readonly objects: number; readonly chunks: number }, foreign: number) => ({
    ...requests({ list: objects / page, get: objects }),
    bytes: chunks * rates.indexBytesOfChunk,
    egress: chunks * rates.indexBytesOfChunk * prices.egress,
    // What is not locked any more is forgotten.
    state: host.state + foreign * (1 + assumed.locked * assumed.changed) * rates.stateOfClaim,
  });
  const daily = hosts * host.chunks * assumed.changed * rates.indexBytesOfChunk;
  return {
    nobody: reading(own, 0),
    verified: reading(verified, others),
    all: reading(all, others),
    everyDay: { bytes: daily, fleetBytes: hosts * daily },
  };
}
