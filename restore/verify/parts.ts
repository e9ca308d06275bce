/** The parts of manifests, each distinct one read once, however many backups share it. */

import type { FileEntry, ObjectRef } from "../../core/format/entry.ts";
import { FormatError } from "../../core/format/error.ts";
import type { PartRef } from "../../core/format/manifest.ts";
import type { ByteString } from "../../core/format/path.ts";
import { type Loss, lossOf } from "../../core/manifest/loss.ts";
import { openPart, readPart, refusal } from "../../core/manifest/read.ts";
import type { ObjectSource } from "../../core/stored/read.ts";

export type NumberedPart = { readonly id: number; readonly part: PartRef };

export type ReadPart = NumberedPart & {
  /** What the part holds; a `Loss` where it cannot be had. */
  readonly content:
    | { readonly objects: readonly ObjectRef[]; readonly files: readonly FileEntry[]; readonly last: ByteString }
    | Loss;
};

/** In order; the next one is being fetched while one is worked on. Only files that are `wanted` are kept. */
export async function* readParts(
  bucket: ObjectSource,
  parts: Iterable<NumberedPart>,
  wanted: (file: FileEntry, objects: readonly ObjectRef[]) => boolean,
): AsyncGenerator<ReadPart> {
  let ahead: { readonly numbered: NumberedPart; readonly stored: Promise<Uint8Array> } | undefined;
  for (const numbered of parts) {
    const current = ahead;
    ahead = { numbered, stored: fetched(bucket, numbered) };
    if (current !== undefined) yield await opened(current.numbered, current.stored, wanted);
  }
  if (ahead !== undefined) yield await opened(ahead.numbered, ahead.stored, wanted);
}

function fetched(bucket: ObjectSource, { part }: NumberedPart): Promise<Uint8Array> {
  const stored = readPart(bucket, part);
  // Its error is for whoever awaits it; until then it is not "unhandled".
  stored.catch(() => {});
  return stored;
}

async function opened(
  { id, part }: NumberedPart,
  stored: Promise<Uint8Array>,
  wanted: (file: FileEntry, objects: readonly ObjectRef[]) => boolean,
): Promise<ReadPart> {
  const files: FileEntry[] = [];
  let last = part.first;
  try {
    const { objects } = await openPart(await stored, part, undefined, (entry, objects) => {
      last = entry.path;
      if (entry.type === "file" && wanted(entry, objects)) files.push(entry);
      return false;
    });
    return { id, part, content: { objects, files, last } };
  } catch (error) {
    if (error instanceof FormatError && error.kind === "newer") throw refusal(error, part.key);
    return { id, part, content: lossOf(error, part.key) };
  }
}
