/** Sums up a history: as the backups are stored, and as they would be with one object for each different file. */
import { firstPart } from "../bucket/stream.ts";
import type { History } from "./history.ts";

/** Some objects. `puts`: requests that storing them takes; `billed`: bytes that are charged for. */
export type Held = {
  readonly objects: number;
  readonly puts: number;
  readonly bytes: number;
  readonly billed: number;
};

/** `live`: needed by the newest backup; `kept`: by any; `added`: new in one of the last runs, all of them together. */
export type Group = { readonly live: Held; readonly kept: Held; readonly added: Held };

export type CostFigures = {
  readonly content: Group;
  /** Roots, parts and index. */
  readonly manifests: Group;
  readonly dumps: Group;
  /** What restoring the content of the newest backup takes. */
  readonly reads: { readonly requests: number; readonly bytes: number };
};

export type Layout = "as it is" | "one object a file";

/** `newest`: number of the newest backup. What came in a backup after `since` is `added`. */
export type Window = { readonly newest: number; readonly since: number };

/** Sums up the backups of a window. `leastBytes`: what a smaller object is charged for. */
export function figuresOf(history: History, layout: Layout, window: Window, leastBytes: number): CostFigures {
  const ratio = storedRatio(history);
  const group = (source: string) => groupOf(history, source, window, leastBytes);
  return {
    content: group(layout === "as it is" ? contentAsStored : filesAsObjects(ratio)),
    manifests: group(
      `${versions(`kind IN ('root', 'part') OR (kind = 'sealed' AND ${isNoBundle})`)} UNION ALL SELECT size, 0, 0, 0 FROM index_objects`,
    ),
    dumps: group(versions("kind = 'snapshot'")),
    reads: readsOf(history, layout, window, ratio),
  };
}

/** Versions that `condition` holds for. `whole`: put as one stream, whose size is not known when it begins. */
function versions(condition: string): string {
  return `SELECT max(size) size, max(kind NOT IN ('root', 'part') AND kind NOT GLOB 'frames*') whole,
    min(first) first, max(last) last FROM objects JOIN lifetimes ON object = id WHERE ${condition} GROUP BY key, version`;
}

/** Bundles are priced by themselves. Without the keyfile, their tables of contents are of the kind of bundles. */
const isNoBundle =
  "NOT EXISTS (SELECT 1 FROM bundles WHERE bundles.key = objects.key AND bundles.version = objects.version)";

const contentAsStored = versions(`kind NOT IN ('root', 'part', 'snapshot', 'sealed') AND ${isNoBundle}`);

/**
 * Returns how many bytes are stored for a byte of content: by the frames that backups need, and the chunks in them. Files
 * that are stored one by one compress worse than in common frames, so this flatters them.
 */
function storedRatio({ database }: History): number {
  const sum = (table: string) =>
    database.query<{ sum: number | null }, []>(`SELECT total(length) sum FROM ${table}`).get()?.sum;
  const content = sum("chunks") ?? 0;
  return content === 0 ? 1 : (sum("frames") ?? 0) / content;
}

function filesAsObjects(ratio: number): string {
  return `SELECT max(1, CAST(size * ${ratio} + 0.5 AS INTEGER)) size, 1 whole, first, last FROM files`;
}

/** Requests of a put. A stream of more than its first part is put in parts, with a request to begin and one to end. */
const puts = `CASE WHEN whole = 0 OR size <= ${firstPart} THEN 1 ELSE 2 + (size + ${firstPart} - 1) / ${firstPart} END`;

function groupOf({ database }: History, source: string, { newest, since }: Window, leastBytes: number): Group {
  const held = (condition: string): Held => {
    const sums = `count(*) objects, total(${puts}) puts, total(size) bytes,
      total(max(size, ${leastBytes})) billed`;
    const row = database.query<Held, []>(`SELECT ${sums} FROM (${source}) WHERE ${condition}`).get();
    return row ?? { objects: 0, puts: 0, bytes: 0, billed: 0 };
  };
  return { live: held(`last = ${newest}`), kept: held("true"), added: held(`first > ${since}`) };
}

function readsOf({ database }: History, layout: Layout, { newest }: Window, ratio: number): CostFigures["reads"] {
  const [requests, bytes] = layout === "as it is" ? ["reads", "read_bytes"] : ["files", "file_bytes"];
  const sums = `SELECT total(${requests}) requests, total(${bytes}) bytes
    FROM part_reads JOIN lifetimes ON object = part WHERE last = ?`;
  const row = database.query<CostFigures["reads"], [number]>(sums).get(newest);
  const read = row ?? { requests: 0, bytes: 0 };
  return layout === "as it is" ? read : { ...read, bytes: Math.round(read.bytes * ratio) };
}

/** Counts the last runs in which new content came, so that they put an index object. */
export function runsWithNews({ database }: History, { since }: Window): number {
  const query = `SELECT count(DISTINCT first) runs FROM (${contentAsStored}) WHERE first > ?`;
  return database.query<{ runs: number }, [number]>(query).get(since)?.runs ?? 0;
}
