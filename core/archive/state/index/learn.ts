/** Takes what index objects and verified objects say into the state database, as claims. */

import type { Database } from "bun:sqlite";
import type { IndexedFrame, IndexLine } from "../../../format/index/index-object.ts";
import { isContentKey } from "../../../format/keys/keys.ts";
import { inTransaction } from "../../../system/transaction.ts";
import { ChunkTable } from "../tables/chunks.ts";
import { type ClaimSource, ObjectTable } from "../tables/objects.ts";

export type LearnOptions = {
  readonly source: ClaimSource;
  /** Nothing is built upon an object whose lock ends before this. */
  readonly minimumLockEnd: Date;
};

/** Takes all lines, or none if one of them is malformed. Nothing else may use the database meanwhile. */
export function learn(database: Database, lines: AsyncIterable<IndexLine>, options: LearnOptions): Promise<void> {
  return inTransaction(database, () => learnLines(database, lines, options));
}

async function learnLines(
  database: Database,
  lines: AsyncIterable<IndexLine>,
  { source, minimumLockEnd }: LearnOptions,
): Promise<void> {
  const objects = new ObjectTable(database);
  const chunks = new ChunkTable(database);
  /** By number within the index object; undefined if nothing is learned of it. */
  const ids: (number | undefined)[] = [];
  for await (const line of lines) {
    if ("object" in line) {
      const { retain_until, ...ref } = line.object;
      ids.push(isContentKey(ref.key, ref.encoding) ? objects.claim(ref, new Date(retain_until), source) : undefined);
    } else if ("extended" in line) {
      const { key, version, retain_until } = line.extended;
      objects.heardExtension(key, version, new Date(retain_until));
    } else {
      learnFrame(chunks, ids[line.frame[0]], line.frame, minimumLockEnd);
    }
  }
}

function learnFrame(
  chunks: ChunkTable,
  object: number | undefined,
  [, frameOffset, frameLength, held]: IndexedFrame,
  minimumLockEnd: Date,
): void {
  if (object === undefined) return;
  let offset = 0;
  for (const [hex, length] of held) {
    chunks.learn(Buffer.from(hex, "hex"), { object, frameOffset, frameLength, offset, length }, minimumLockEnd);
    offset += length;
  }
}
