/** What a tar has of a file whose content goes on in segments: where its data lies, and then its content, extent by extent. */
import type { Extent, FileEntry } from "../../core/format/entries/entry.ts";
import type { TarRegion } from "../../core/format/tar/tar.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import { dataRunsOf } from "../entries/holes.ts";
import type { RunningContent } from "../fetching/running-content.ts";
import type { FoundSegment } from "./continued-content.ts";
import { TarContent } from "./tar-content.ts";

/** An extent, and what reads it. */
export type TarPiece = { readonly extent: Extent; readonly content: TarContent };

/** Runs of data between holes that a tar says of one file: they come before its content, so all are held. */
const mostRegions = 262_144;

/** Returns where the data lies; undefined if that is in too many places. */
export async function regionsOf(segments: AsyncIterable<FoundSegment>): Promise<readonly TarRegion[] | undefined> {
  const regions: [offset: number, length: number][] = [];
  for await (const { segment } of segments) {
    for (const { file, length } of dataRunsOf(segment)) {
      const last = regions.at(-1);
      if (last !== undefined && last[0] + last[1] === file) last[1] += length;
      else regions.push([file, length]);
    }
    if (regions.length > mostRegions) return undefined;
  }
  return regions;
}

/** Yields the content of segments. */
export async function* piecesOf(
  segments: AsyncIterable<FoundSegment>,
  bucket: ObjectSource,
  running: RunningContent,
): AsyncGenerator<TarPiece> {
  for await (const { segment, objects } of segments) {
    const content = new TarContent(bucket, objects, running, [segment]);
    for (const extent of segment.extents) yield { extent, content };
  }
}

/** Yields the content of a file that has all of it in its entry. */
export function* piecesIn({ extents }: FileEntry, content: TarContent): Generator<TarPiece> {
  for (const extent of extents) yield { extent, content };
}
