/** Finds the backups of s3-sysbackup: each version of a manifest is one. */
import type { BucketReader, DatedVersion, ListedVersion } from "../../bucket/contract.ts";
import { type LegacyKind, legacyKeysOf, legacyRun, parseLegacyKey } from "../../format/keys/legacy-keys.ts";

export type LegacyRoot = {
  readonly kind: LegacyKind;
  readonly key: string;
  readonly name: string;
  /** When the server stored it: nothing else says. */
  readonly stamp: string;
  readonly run: string;
  readonly size: number;
  readonly stored: Date;
  /** One; or the list of files, and that of the snapshots of the same run. */
  readonly versions: readonly DatedVersion[];
  readonly count: number;
  /** Its lifecycle rules lay delete markers over all that it put: they mean nothing. */
  readonly hidden: false;
};

/** Between the two lists of one run. */
const oneRun = 10 * 60 * 1000;
/** Lists of files that are remembered until those of snapshots come. */
const mostPieces = 10_000;

/** Returns those of one host, in no order. */
export async function* listLegacyRoots(
  bucket: Pick<BucketReader, "listVersions">,
  name: string,
): AsyncGenerator<LegacyRoot> {
  const pairs = new LegacyPairs();
  const keys = legacyKeysOf(name);
  for await (const version of versionsOf(bucket, name, keys)) {
    if (keys.includes(version.key) && !version.deleteMarker) yield* pairs.take(version);
  }
  yield* pairs.rest();
}

/** Pages of what begins like the keys of a host: mostly none, or its own. More are of a host whose name begins like its own. */
const mostPages = 2;

async function* versionsOf(
  bucket: Pick<BucketReader, "listVersions">,
  name: string,
  keys: readonly string[],
): AsyncGenerator<ListedVersion> {
  const together: ListedVersion[] = [];
  let pages = 0;
  for await (const page of bucket.listVersions(`manifests/${name}-`)) {
    pages += 1;
    if (pages > mostPages) break;
    together.push(...page);
  }
  if (pages <= mostPages) yield* together;
  else for (const key of keys) for await (const page of bucket.listVersions(key)) yield* page;
}

/** Puts the two lists of a run together. Takes versions of one host's keys, the list of files before that of snapshots. */
export class LegacyPairs {
  #files: LegacyRoot[] = [];

  *take(version: DatedVersion): Generator<LegacyRoot> {
    const root = legacyRoot(version);
    if (root === undefined) return;
    if (root.kind === "content" && this.#files.length < mostPieces) this.#files.push(root);
    else if (root.kind !== "snapshots") yield root;
    else yield this.#paired(root);
  }

  *rest(): Generator<LegacyRoot> {
    yield* this.#files;
    this.#files = [];
  }

  #paired(snapshots: LegacyRoot): LegacyRoot {
    const at = snapshots.stored.getTime();
    const number = this.#files.findIndex(({ stored }) => Math.abs(stored.getTime() - at) <= oneRun);
    const [files] = number < 0 ? [] : this.#files.splice(number, 1);
    if (files === undefined) return snapshots;
    const stored = new Date(Math.max(files.stored.getTime(), snapshots.stored.getTime()));
    return { ...files, stored, versions: [...files.versions, ...snapshots.versions], count: 2 };
  }
}

function legacyRoot({ key, version, size, stored }: DatedVersion): LegacyRoot | undefined {
  const parsed = parseLegacyKey(key);
  if (parsed === undefined) return undefined;
  const versions = [{ key, version, size, stored }];
  return { ...parsed, key, ...legacyRun(version, stored), size, stored, versions, count: 1, hidden: false };
}
