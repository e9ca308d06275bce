/**
 * Finds backups that have expired and lost something already, in a bucket whose lifecycle rule removes what no lock holds. To renew such
 * a one would lock what is left of it for nothing, and from then on `verify` would call it damaged.
 */
import type { Bucket } from "../bucket/contract.ts";
import { throwIfFatal } from "../bucket/fatal.ts";
import { isExpired } from "../manifest/expired.ts";
import { type Original, readOriginal } from "../manifest/original.ts";
import { readParts } from "../manifest/references/read-parts.ts";
import { References } from "../manifest/references/references.ts";
import { ManifestRefused } from "../manifest/refused.ts";
import { eachOf } from "../side-by-side.ts";
import { listedRoot, type Uncounted } from "./kept.ts";
import type { Root } from "./root.ts";

export type SpentDeps = {
  readonly bucket: Pick<Bucket, "get" | "retention">;
  /** By the server's clock, if it has one. */
  readonly now: Date;
  readonly signal: AbortSignal;
};

const atOnce = 8;

export const spent: Uncounted = { why: "expired", mayBeOne: false };

/** False for a root that cannot be read: that is reported when it is read to be renewed. */
export async function isSpent(root: Root, deps: SpentDeps): Promise<boolean> {
  const original = await readOriginal(deps.bucket, listedRoot(root)).catch((error: unknown) => {
    if (!(error instanceof ManifestRefused)) throwIfFatal(error);
    return undefined;
  });
  if (original === undefined) return false;
  const { manifest, stored } = original;
  if (!(await isExpired(deps.bucket, stored, manifest.header, deps.now))) return false;
  return lacksSomething(original, deps);
}

async function lacksSomething({ manifest, stored }: Original, { bucket, signal }: SpentDeps): Promise<boolean> {
  using references = new References();
  references.addBackup({ root: stored, manifest, demand: undefined });
  let lost = 0;
  await readParts(references.takeParts(), {
    bucket,
    atOnce: 3,
    need: "objects",
    use: (part, { objects }) => references.addContent(part, objects),
    onLost: () => {
      lost += 1;
    },
    signal,
  });
  for (const page of references.versions()) {
    if (lost > 0) return true;
    await eachOf(page, atOnce, async ({ key, version }) => {
      signal.throwIfAborted();
      if (lost === 0 && (await isMissing(bucket, key, version))) lost += 1;
    });
  }
  return lost > 0;
}

async function isMissing(bucket: Pick<Bucket, "retention">, key: string, version: string): Promise<boolean> {
  try {
    await bucket.retention(key, version);
    return false;
  } catch (error) {
    return throwIfFatal(error).kind === "missing";
  }
}
