/** Reads a file whose content goes on in segments, from its beginning to its end. */
import { exitStatus, Failure } from "../../core/failure.ts";
import type { ObjectRef, Segment } from "../../core/format/entries/entry.ts";
import {
  behindSegments,
  Continuation,
  type ContinuedFile,
  digestOfSegment,
} from "../../core/format/entries/segment.ts";
import { FormatError } from "../../core/format/error.ts";
import { toText } from "../../core/format/path.ts";
import type { PartList } from "../../core/manifest/part-lists.ts";
import { walkParts } from "../../core/manifest/walk.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import { contentOf, type VerifiedBytes } from "./content.ts";
import type { Gaps } from "./gaps.ts";

export type ContinuedContentDeps = {
  readonly bucket: ObjectSource;
  /** Has the file's entry. */
  readonly list: PartList;
  readonly gaps: Gaps;
  readonly signal: AbortSignal;
};

export type FoundSegment = { readonly segment: Segment; readonly objects: readonly ObjectRef[] };

/**
 * Yields the content as `contentOf` does. The parts are read twice: no byte is given out before all segments are known to be those that
 * the file had.
 */
export async function* continuedContent(deps: ContinuedContentDeps, file: ContinuedFile): VerifiedBytes {
  for await (const _ of rightSegments(deps, file)) deps.signal.throwIfAborted();
  for await (const { segment, objects } of rightSegments(deps, file))
    yield* contentOf(deps.bucket, { ...segment, path: file.path }, objects, deps.signal);
}

/** Yields the segments in order. Throws a Failure if they are not those that the file had, at the end at the latest. */
export async function* rightSegments(deps: ContinuedContentDeps, file: ContinuedFile): AsyncGenerator<FoundSegment> {
  const continuation = new Continuation(file);
  try {
    for await (const found of segmentsOf(deps, file)) {
      continuation.take({ ...found.segment, digest: digestOfSegment(found.segment) });
      yield found;
    }
    continuation.end();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new Failure({
      doing: "read",
      what: toText(file.path),
      why: `the manifest has its content in several entries, and they do not fit: ${error.message}`,
      remedy: "look into another backup: `sysbackup list` shows them",
      exit: exitStatus.damaged,
      cause: error,
    });
  }
}

async function* segmentsOf(
  { bucket, list, gaps }: ContinuedContentDeps,
  file: ContinuedFile,
): AsyncGenerator<FoundSegment> {
  const end = behindSegments(file.path);
  const walk = walkParts({
    bucket,
    manifest: list,
    concerns: (first, next) => first < end && (next === undefined || next > file.path),
    wanted: (entry) => entry.type === "segment" && entry.file === file.path,
    sieve: (path) => path.startsWith(`${file.path}/`),
    onLost: gaps.lostPart,
    onBadEntry: gaps.badEntry,
  });
  for await (const { objects, entries } of walk)
    for (const segment of entries) if (segment.type === "segment") yield { segment, objects };
}
