/** Lists the backups in a bucket, each by its root alone. */
import type { BucketReader } from "../bucket/contract.ts";
import { throwIfFatal } from "../bucket/fatal.ts";
import { timeOfStamp } from "../format/keys.ts";
import { type ManifestSummary, summaryOf } from "../format/manifest.ts";
import { inOrder } from "../side-by-side.ts";
import { contradictionIn, contradictionOf } from "./dates.ts";
import { type Overlay, readOriginal } from "./original.ts";
import { ManifestRefused } from "./read.ts";
import { type ListedRoot, listRoots } from "./roots.ts";
import { RootsInOrder } from "./roots-in-order.ts";

export type ListedBackup = {
  readonly key: string;
  readonly name: string;
  /** When the run began, as its key says. */
  readonly time: Date | undefined;
  /** When the server stored its root. */
  readonly stored: Date;
  /** What contradicts the server's date, as a clause that follows the backup's name; undefined if nothing does. */
  readonly contradiction: string | undefined;
} & (
  | {
      readonly state: "complete";
      readonly manifest: ManifestSummary;
      /** What was laid over the version that the manifest was read from. */
      readonly overlay: Overlay | undefined;
    }
  /** The root cannot be used; `why` is a full sentence. */
  | { readonly state: ManifestRefused["kind"] | "unreadable"; readonly why: string }
);

/** Roots being read at a time. */
const atOnce = 8;

/** `now`: the time by the server's clock if there is one; called after the listing of a name. */
export type ListDeps = { readonly bucket: Pick<BucketReader, "listVersions" | "get">; readonly now: () => Date };

/** Lists backups in byte order of name, and within a name those that the server stored first before others. */
export async function* listBackups(deps: ListDeps, name: string | undefined): AsyncGenerator<ListedBackup> {
  using own = new RootsInOrder();
  let ownName: string | undefined;
  for await (const root of listRoots(deps.bucket, name)) {
    if (ownName !== undefined && ownName !== root.name) {
      yield* describeBackups(deps, own);
      own.clear();
    }
    ownName = root.name;
    own.add(root);
  }
  yield* describeBackups(deps, own);
}

/** Describes backups in the order of `roots`. */
export function describeBackups(
  { bucket, now }: { readonly bucket: Pick<BucketReader, "get">; readonly now: () => Date },
  roots: Iterable<ListedRoot>,
): AsyncGenerator<ListedBackup> {
  const time = now();
  return inOrder(roots, atOnce, (root) => describe(bucket, root, time));
}

async function describe(bucket: Pick<BucketReader, "get">, root: ListedRoot, now: Date): Promise<ListedBackup> {
  const { key, name, stamp, stored } = root;
  const common = { key, name, stored, time: timeOfStamp(stamp), contradiction: contradictionOf(root, now) };
  try {
    const { manifest, overlay } = await readOriginal(bucket, root);
    const contradiction = contradictionIn(root, manifest, now);
    return { ...common, contradiction, state: "complete", manifest: summaryOf(manifest), overlay };
  } catch (error) {
    if (error instanceof ManifestRefused) return { ...common, state: error.kind, why: error.message };
    return { ...common, state: "unreadable", why: throwIfFatal(error).message };
  }
}
