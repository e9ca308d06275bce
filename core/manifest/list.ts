/** Lists the backups in a bucket, each by its root alone. */
import type { BucketReader, Stored } from "../bucket/contract.ts";
import { throwIfFatal } from "../bucket/fatal.ts";
import { day } from "../format/day.ts";
import { timeOfStamp } from "../format/keys/keys.ts";
import { type Manifest, type ManifestSummary, summaryOf } from "../format/manifest/manifest.ts";
import { inOrder } from "../side-by-side.ts";
import { contradictionIn, contradictionOf } from "./dates.ts";
import { listRootsOf } from "./no-such-name.ts";
import { type Overlay, readOriginal } from "./original.ts";
import { ManifestRefused } from "./refused.ts";
import { type ListedRoot, type VersionLister, wordOf } from "./roots.ts";
import { RootsInOrder } from "./roots-in-order.ts";

export type ListedBackup = {
  /** What names exactly this one. */
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
      /** Until when its objects are locked for sure; the promise of the manifest if the role may not see locks. */
      readonly lockedUntil: Date;
      /** What was laid over the version that the manifest was read from. */
      readonly overlay: Overlay | undefined;
    }
  /** The root cannot be used; `why` is a full sentence. */
  | { readonly state: ManifestRefused["kind"] | "unreadable"; readonly why: string }
);

/** Roots being read at a time. */
const atOnce = 8;

/** `now`: the time by the server's clock if there is one; called after the listing of a name. */
export type ListDeps = { readonly bucket: ListBucket & VersionLister; readonly now: () => Date };

type ListBucket = Pick<BucketReader, "get" | "retention">;

/**
 * Lists backups in byte order of name, and within a name those that the server stored first before others. Throws a Failure if
 * `name` has none.
 */
export async function* listBackups(deps: ListDeps, name: string | undefined): AsyncGenerator<ListedBackup> {
  using own = new RootsInOrder();
  let ownName: string | undefined;
  for await (const root of listRootsOf(deps.bucket, name)) {
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
  { bucket, now }: { readonly bucket: ListBucket; readonly now: () => Date },
  roots: Iterable<ListedRoot>,
): AsyncGenerator<ListedBackup> {
  const time = now();
  return inOrder(roots, atOnce, (root) => describe(bucket, root, time));
}

async function describe(bucket: ListBucket, root: ListedRoot, now: Date): Promise<ListedBackup> {
  const { name, stamp, stored } = root;
  const common = {
    key: wordOf(root),
    name,
    stored,
    time: timeOfStamp(stamp),
    contradiction: contradictionOf(root, now),
  };
  try {
    const { manifest, stored: version, overlay } = await readOriginal(bucket, root, { depth: "summary" });
    const contradiction = contradictionIn(root, manifest, now);
    return {
      ...common,
      contradiction,
      state: "complete",
      manifest: summaryOf(manifest),
      lockedUntil: await lockedUntil(bucket, version, manifest),
      overlay,
    };
  } catch (error) {
    if (error instanceof ManifestRefused) return { ...common, state: error.kind, why: error.message };
    return { ...common, state: "unreadable", why: throwIfFatal(error).message };
  }
}

/** A renewal locks some objects for as much longer than others, of which the root may be one. */
const slack = 7 * day;

/**
 * Returns until when all is locked: as the lock of the root says, which is renewed with all that the root names. The promise of the manifest
 * was kept when it was put.
 */
async function lockedUntil(bucket: ListBucket, root: Stored, { header }: Manifest): Promise<Date> {
  const promised = new Date(header.retain_until);
  try {
    const lock = (await bucket.retention(root.key, root.version))?.until;
    if (lock === undefined || lock < promised) return lock ?? promised;
    return header.origin === undefined ? new Date(Math.max(promised.getTime(), lock.getTime() - slack)) : lock;
  } catch (error) {
    throwIfFatal(error);
    return promised;
  }
}
