/**
 * Whether a bucket holds all that a backup needs: root and parts with their digests, and every other object in the
 * recorded version and size. Content is not read.
 */
import { BucketError, type BucketReader, type Stored } from "../core/bucket/contract.ts";
import type { ObjectRef } from "../core/format/entry.ts";
import type { Manifest } from "../core/format/manifest.ts";
import { toText } from "../core/format/path.ts";
import { type Need, Needs } from "../core/manifests/needs.ts";
import type { Wanted } from "../core/manifests/read.ts";
import { walkParts } from "../core/manifests/walk.ts";
import { eachOf } from "../core/side-by-side.ts";

export type VerifyOptions = {
  readonly bucket: Pick<BucketReader, "get" | "head" | "listVersions">;
  readonly manifest: Manifest;
  readonly onProgress: (objects: number) => void;
  readonly signal: AbortSignal;
};

export type Fault = { readonly key: string; readonly version: string; readonly why: string };

export type Verdict = {
  /** Needed besides the root, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  /** Objects that are missing, or not as recorded. */
  readonly damagedObjects: number;
  /** Entries and snapshots that cannot be restored, or not wholly. */
  readonly lost: number;
  /** The first of each: `mostNamed` at most. */
  readonly faults: readonly Fault[];
  readonly paths: readonly string[];
  /** How many of those that are lost, `paths` does not speak of. */
  readonly unnamed: number;
};

/** More than these are counted, not named. */
const mostNamed = 20;
/** For up to so many objects of a folder, asking for each is cheaper than listing what may be a whole bucket. */
const fewest = 200;
const atOnce = 16;

export async function verify(options: VerifyOptions): Promise<Verdict> {
  using needs = new Needs();
  const findings = new Findings();
  await collect(needs, findings, options);
  await lookUp(needs, options);
  const damaged = needs.countFaults();
  if (damaged > 0) await nameLosses(needs, findings, options);
  const { objects, bytes } = needs.totals();
  const { parts } = options.manifest;
  return {
    objects: objects + parts.length,
    bytes: parts.reduce((sum, { size }) => sum + size, bytes),
    damagedObjects: findings.lostParts + damaged,
    lost: findings.lost,
    faults: findings.faults,
    paths: findings.paths,
    unnamed: findings.unnamed,
  };
}

class Findings {
  readonly faults: Fault[] = [];
  readonly paths: string[] = [];
  lost = 0;
  unnamed = 0;
  lostParts = 0;

  add(fault: Fault): void {
    if (this.faults.length < mostNamed) this.faults.push(fault);
  }

  lose(path: string, entries = 1): void {
    this.lost += entries;
    if (this.paths.length < mostNamed) this.paths.push(path);
    else this.unnamed += entries;
  }
}

/** All that the manifest refers to. Its parts are read for that, so they are found damaged here. */
async function collect(needs: Needs, findings: Findings, { bucket, manifest, signal }: VerifyOptions): Promise<void> {
  needs.add(manifest.snapshots);
  const parts = walkParts({
    bucket,
    manifest,
    concerns: () => true,
    wanted: () => false,
    onLost: ({ key, version, first, entries }, { how }) => {
      findings.lostParts += 1;
      findings.add({ key, version, why: how });
      findings.lose(
        entries === 1 ? toText(first) : `${toText(first)} and the ${entries - 1} entries after it`,
        entries,
      );
    },
  });
  for await (const { objects } of parts) {
    signal.throwIfAborted();
    needs.add(objects);
  }
}

async function lookUp(needs: Needs, { bucket, onProgress, signal }: VerifyOptions): Promise<void> {
  let seen = 0;
  const found = (objects: readonly Stored[]) => {
    signal.throwIfAborted();
    needs.found(objects);
    seen += objects.length;
    onProgress(seen);
  };
  for (const { folder, objects } of needs.folders()) {
    if (objects > fewest) {
      for await (const page of bucket.listVersions(folder)) found(page.filter(({ deleteMarker }) => !deleteMarker));
    } else {
      await eachOf(needs.in(folder), atOnce, async ({ key, version }) => {
        const info = await look(bucket, key, version);
        if (info !== undefined) found([info]);
      });
    }
  }
}

/** The size of a version that is there, but that the bucket itself holds for damaged. */
const unusable = -1;

async function look(bucket: VerifyOptions["bucket"], key: string, version: string): Promise<Stored | undefined> {
  try {
    return await bucket.head(key, version);
  } catch (error) {
    if (error instanceof BucketError && error.kind === "damaged") return { key, version, size: unusable };
    throw error;
  }
}

/** Goes through the manifest once more, for what needs the objects that are damaged. */
async function nameLosses(
  needs: Needs,
  findings: Findings,
  { bucket, manifest, signal }: VerifyOptions,
): Promise<void> {
  for (const need of needs.faults(mostNamed))
    findings.add({ key: need.key, version: need.version, why: faultOf(need) });
  const isFault = ({ key, version }: Pick<Stored, "key" | "version">) => needs.isFault(key, version);
  for (const snapshot of manifest.snapshots) {
    if (isFault(snapshot)) findings.lose(`snapshot ${snapshot.snapshotter}`);
  }
  const parts = walkParts({ bucket, manifest, concerns: () => true, wanted: wantingAny(isFault), onLost: () => {} });
  for await (const { entries } of parts) {
    signal.throwIfAborted();
    for (const { path } of entries) findings.lose(toText(path));
  }
}

function faultOf({ size, found }: Need): string {
  if (found === unusable) return "its record in the bucket is damaged";
  return found === null ? "it is missing" : `it has ${found} bytes, ${size} were stored`;
}

/** Files with content in such an object. The objects are those of a part, and the same for all its entries. */
function wantingAny(isFault: (object: ObjectRef) => boolean): Wanted {
  let objectsOfPart: readonly ObjectRef[] | undefined;
  let damaged = new Set<number>();
  return (entry, objects) => {
    if (objects !== objectsOfPart) {
      objectsOfPart = objects;
      damaged = new Set([...objects.entries()].filter(([, object]) => isFault(object)).map(([number]) => number));
    }
    return entry.type === "file" && entry.extents.some(({ object }) => damaged.has(object));
  };
}
