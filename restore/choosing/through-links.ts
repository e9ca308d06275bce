/** Finds where a path leads that goes through links of the backup, as `/bin/ls` does if `/bin` is a link to `usr/bin`. */
import { posix } from "node:path";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import { type ByteString, foldersAbove, parentOf } from "../../core/format/path.ts";
import { readableListsOf } from "../../core/manifest/part-lists.ts";
import type { LoadedPart } from "../../core/manifest/read.ts";
import { type OnLostPart, type WalkOptions, walkParts } from "../../core/manifest/walk.ts";

type BackupWalk = Pick<WalkOptions, "bucket"> & {
  readonly manifest: Pick<Manifest, "parts" | "bundles">;
  /** Without it, parts that are lost are passed over, as the caller has reported them. */
  readonly onLost?: OnLostPart;
};

/** `link`: the first link on the way; `end`: the path without links. */
export type LinkedWay = { readonly link: ByteString; readonly end: ByteString };

/** Bound on reads of the backup: each finds one more link of a chain. */
const mostRounds = 8;

/** Returns the way of each path that goes through a link. Reads only the parts that may hold what lies above the paths. */
export async function waysThroughLinks(
  walk: BackupWalk,
  paths: readonly ByteString[],
): Promise<ReadonlyMap<ByteString, LinkedWay>> {
  const ways = new Map<ByteString, LinkedWay>();
  let ends = new Map(paths.map((path) => [path, path]));
  for (let round = 0; round < mostRounds && ends.size > 0; round += 1) {
    const links = await linksAmong(walk, new Set([...ends.values()].flatMap((end) => foldersAbove(end).slice(1))));
    const next = new Map<ByteString, ByteString>();
    for (const [path, end] of ends) {
      const link = foldersAbove(end).find((folder) => links.has(folder));
      if (link === undefined) continue;
      const led = posix.resolve(parentOf(link), links.get(link) ?? "", end.slice(link.length + 1)) as ByteString;
      ways.set(path, { link: ways.get(path)?.link ?? link, end: led });
      next.set(path, led);
    }
    ends = next;
  }
  return ways;
}

async function linksAmong(
  { bucket, manifest, onLost = () => {} }: BackupWalk,
  wanted: ReadonlySet<ByteString>,
): Promise<Map<ByteString, ByteString>> {
  const links = new Map<ByteString, ByteString>();
  for (const list of readableListsOf(manifest)) {
    const parts = walkParts({
      bucket,
      manifest: list,
      concerns: (first, next) => [...wanted].some((path) => path >= first && (next === undefined || path < next)),
      sieve: (path) => wanted.has(path),
      wanted: ({ type }) => type === "link",
      onLost,
      onBadEntry: () => {},
    });
    for await (const part of parts) addLinks(part, links);
  }
  return links;
}

function addLinks({ entries }: LoadedPart, links: Map<ByteString, ByteString>): void {
  for (const entry of entries) if (entry.type === "link") links.set(entry.path, entry.target);
}
