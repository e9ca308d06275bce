/** Hands content to the files that need it, once it is verified. */
import type { Extent } from "../../core/format/entries/entry.ts";
import { damaged, type Loss } from "../../core/manifest/loss.ts";
import type { Files } from "../entries/files.ts";
import { isOver } from "../entries/job.ts";
import type { FetchContext } from "./fetch-context.ts";
import type { Use } from "./plan.ts";

/**
 * Writes the extents in `content`: a decompressed frame, or the beginning of an object as far as it is needed. Returns those
 * that it does not hold.
 */
export async function deliver(
  uses: readonly Use[],
  content: Uint8Array,
  { files, pauses }: Pick<FetchContext, "files" | "pauses">,
): Promise<Use[]> {
  const wrong: Use[] = [];
  let verified: Extent | undefined;
  for (const use of uses) {
    const { job, extent, position } = use;
    const { offset, length } = extent;
    // Any number of files may have the same content.
    if (pauses.due(length)) await pauses.take();
    if (isOver(job)) continue;
    const bytes = content.subarray(offset, offset + length);
    if (verified === undefined || !isSameExtent(verified, extent)) {
      if (bytes.length < length || Bun.SHA256.hash(bytes, "hex") !== extent.sha256) {
        wrong.push(use);
        continue;
      }
      verified = extent;
    }
    files.write(job, bytes, position, true);
  }
  return wrong;
}

function isSameExtent(a: Extent, b: Extent): boolean {
  return a.offset === b.offset && a.length === b.length && a.sha256 === b.sha256;
}

export function wrongContent(key: string): Loss {
  return damaged(key, "does not hold what the manifest says");
}

export function loseAll(uses: readonly Use[], loss: Loss, files: Files): void {
  for (const { job } of uses) files.lose(job, loss);
}
