/**
 * Finds out whether the bucket holds the objects, and with which locks. Listings have versions, sizes, delete markers and
 * newer versions. Locks, holds and the stated encoding take one request for each listed object. A role without read access
 * may not ask for all of that: then only the lock is asked for.
 */
import {
  type Archived,
  BucketError,
  type BucketReader,
  type ListedVersion,
  type ObjectInfo,
  type Retention,
} from "../../core/bucket/contract.ts";
import { isDenied, throwIfFatal } from "../../core/bucket/fatal.ts";
import { codecOf, isPack } from "../../core/format/codecs/encoding.ts";
import { mayBeBundleKey } from "../../core/format/keys/keys.ts";
import { lossOf } from "../../core/manifest/loss.ts";
import { isContent } from "../../core/manifest/references/references.ts";
import { eachOf } from "../../core/side-by-side.ts";
import type { CollectDeps } from "./collect.ts";
import type { CheckedObject, Findings } from "./findings.ts";
import { KeyFolders } from "./key-folders.ts";

export type LookDeps = Pick<CollectDeps, "bucket" | "references" | "findings" | "expires" | "now" | "signal"> & {
  readonly onProgress: (objects: number) => void;
};

/** Number of keys up to which they are listed one by one: their folder may hold a whole bucket. */
const mostListedAlone = 20;
const atOnce = 16;

export type LookFigures = {
  /** Number of objects of which the role may see only the lock, not a legal hold. */
  lockOnly: number;
  /** Number of those in `content/`, whose stated encoding is unknown too. The key of a pack names its encoding. */
  encodingUnknown: number;
};

export async function lookAtAll(deps: LookDeps): Promise<LookFigures> {
  await list(deps);
  return await askForLocks(deps);
}

async function list({ bucket, references, findings, expires, signal }: LookDeps): Promise<void> {
  const folders = new KeyFolders(references);
  for (const { folder, objects } of folders.all()) {
    if (objects > mostListedAlone)
      await noteVersions(bucket.listVersions(folder), new Overlays({ references, findings, expires }), signal);
    else
      await eachOf(folders.keysIn(folder), atOnce, async (key) => {
        await noteVersions(bucket.listVersions(key), new Overlays({ references, findings, expires }, key), signal);
      });
  }
  for (const { id, size, found } of findings.notAsRecorded()) {
    if (found === null) findings.add(id, "missing", "it is missing from the bucket", true);
    else findings.add(id, "wrong-size", `it has ${found} bytes, ${size} were stored`, true);
  }
}

async function noteVersions(pages: AsyncIterable<readonly ListedVersion[]>, overlays: Overlays, signal: AbortSignal) {
  for await (const page of pages) {
    signal.throwIfAborted();
    overlays.note(page);
  }
}

/** Goes through listed versions, newest first for each key, even if a key's versions are on several pages. */
class Overlays {
  #key: string | undefined;
  /** Versions of the current key that are newer than the next one. */
  #above: ListedVersion[] = [];

  constructor(
    readonly deps: Pick<CollectDeps, "references" | "findings" | "expires">,
    /** Only key that counts, if other keys may begin with it. */
    readonly only?: string,
  ) {}

  note(page: readonly ListedVersion[]): void {
    this.deps.findings.database.transaction(() => {
      for (const listed of page) if (this.only === undefined || listed.key === this.only) this.#one(listed);
    })();
  }

  #one(listed: ListedVersion): void {
    if (listed.key !== this.#key) {
      this.#key = listed.key;
      this.#above = [];
    }
    if (!listed.deleteMarker) {
      for (const id of this.deps.references.markFound(listed)) {
        this.#reportAbove(id, listed);
        if (listed.archived) addArchived(this.deps.findings, { id, key: listed.key }, listed.archived);
      }
    }
    this.#above.push(listed);
  }

  #reportAbove(id: number, { size }: ListedVersion): void {
    const marker = this.#above.find(({ deleteMarker }) => deleteMarker);
    // A lifecycle rule puts markers over all that it lets expire.
    if (marker !== undefined && !this.deps.expires) {
      const why = `a delete marker (${marker.version}) lies over it: no restore is hurt, but someone tried to delete it, and lifecycle rules may follow`;
      this.deps.findings.add(id, "delete-marker", why);
    }
    const newer = this.#above.filter(
      (version) => !version.deleteMarker && this.deps.findings.ofVersion(version).length === 0,
    );
    const [newest] = newer;
    if (newest === undefined) return;
    const other = newer.some((version) => version.size !== size);
    const who = other
      ? "of another size, so not sysbackup's: someone with the right to put here is at work"
      : "of the same size: another run that stored the same again, or someone with the right to put here";
    const why = `a newer version (${newest.version}) lies over it, ${who}; a restore reads the version that it recorded`;
    this.deps.findings.add(id, "newer-version", why);
  }
}

async function askForLocks(deps: LookDeps): Promise<LookFigures> {
  const { bucket, findings, signal, onProgress } = deps;
  const asker = new Asker(bucket);
  const figures = { lockOnly: 0, encodingUnknown: 0 };
  let asked = 0;
  await eachOf(onePerVersion(findings), atOnce, async (row) => {
    signal.throwIfAborted();
    try {
      const info = await asker.ask(row);
      const rows = findings.ofVersion(row);
      for (const same of rows) judge(same, info, deps);
      if (info?.whole === false) {
        figures.lockOnly += 1;
        if (rows.some(statesEncoding)) figures.encodingUnknown += 1;
      }
    } catch (error) {
      const { how, damage } = lossOf(error, row.key);
      if (error instanceof BucketError) findings.add(row.id, damage ? "record-damaged" : "not-checked", how, damage);
    }
    asked += 1;
    onProgress(asked);
  });
  return figures;
}

/** Properties of a listed object: all, or only its lock. */
type Known =
  | ({ readonly whole: true } & Pick<ObjectInfo, "metadata" | "retention" | "legalHold" | "archived">)
  | ({ readonly whole: false } & Pick<ObjectInfo, "retention">);

class Asker {
  /** Top folders in which an object was refused: the next object there costs only one request. */
  readonly #refused = new Set<string>();

  /** Whether the first lock that a HEAD stated is that of the version: some servers echo what a put asked for. */
  #headIsRight: Promise<boolean> | undefined;

  constructor(readonly bucket: Pick<BucketReader, "head" | "retention">) {}

  /** Asks for an object's properties. Returns undefined if it does not exist. */
  async ask(object: CheckedObject): Promise<Known | undefined> {
    const { key, version } = object;
    const folder = key.slice(0, key.indexOf("/"));
    if (!this.#refused.has(folder)) {
      try {
        const info = await this.bucket.head(key, version);
        return info && { whole: true, ...info, retention: await this.#lockOf(object, info.retention) };
      } catch (error) {
        if (!isDenied(error)) throw error;
        this.#refused.add(folder);
      }
    }
    return { whole: false, retention: await this.bucket.retention(key, version) };
  }

  /** Some servers state no lock in a HEAD of a version that is not the newest. */
  async #lockOf(object: CheckedObject, stated: Retention | undefined): Promise<Retention | undefined> {
    if (stated === undefined) return await this.#askForLock(object, stated);
    this.#headIsRight ??= this.#confirms(object, stated);
    return (await this.#headIsRight) ? stated : await this.#askForLock(object, stated);
  }

  /** A lock may have been extended since the HEAD. */
  async #confirms(object: CheckedObject, stated: Retention): Promise<boolean> {
    const lock = await this.#askForLock(object, stated);
    return lock !== undefined && lock.mode === stated.mode && lock.until >= stated.until;
  }

  /** Returns what is stated if the role may not ask, or the server does not know the request. */
  async #askForLock({ key, version }: CheckedObject, stated: Retention | undefined): Promise<Retention | undefined> {
    try {
      return await this.bucket.retention(key, version);
    } catch (error) {
      throwIfFatal(error);
      return stated;
    }
  }
}

/** Bundles are meant to be there. */
function addArchived(
  findings: Findings,
  { id, key }: Pick<CheckedObject, "id" | "key">,
  { tier, thawing }: Archived,
): void {
  const until = thawing ? "it is being thawed" : "it must be thawed before it can be read: `restore --thaw` does that";
  const why = `it lies in the archive tier ${tier}, and ${until}`;
  findings.add(id, mayBeBundleKey(key) ? "frozen" : "archived", why);
}

/** Keys of packs and bundles say it. */
const statesEncoding = ({ kind, key }: CheckedObject): boolean =>
  isContent(kind) && !isPack(kind) && !mayBeBundleKey(key);

/** Yields objects without damage so far. If several contradict each other about one version, yields only one of them. */
function* onePerVersion(findings: CollectDeps["findings"]): Generator<CheckedObject> {
  for (const row of findings.sound()) if (findings.ofVersion(row)[0]?.id === row.id) yield row;
}

function judge(row: CheckedObject, info: Known | undefined, { findings, now }: LookDeps): void {
  const { id, key, until, compliance, kind } = row;
  if (info === undefined) {
    findings.add(id, "missing", "it is listed, but cannot be found", true);
    return;
  }
  const { retention } = info;
  if (info.whole && isContent(kind) && !mayBeBundleKey(key)) {
    const stated = info.metadata["storage-encoding"] ?? "none";
    const expected = isPack(kind) ? "none" : codecOf(kind);
    // s3-sysbackup states gzip of all its content, also of what is not: its bytes were looked at.
    const isOfLegacy = stated === "gzip" && kind === "none";
    if (stated !== expected && !isOfLegacy)
      findings.add(id, "wrong-encoding", `it is stored as ${JSON.stringify(stated)}, the manifest says ${kind}`, true);
  }
  if (info.whole && info.archived) addArchived(findings, row, info.archived);
  if (info.whole && info.legalHold)
    findings.add(id, "legal-hold", "it is under a legal hold: it cannot be removed until that is lifted");
  if (retention !== undefined) findings.locked(id, retention);
  if (until <= now.getTime()) return;
  const promised = new Date(until).toISOString();
  if (retention === undefined)
    findings.add(
      id,
      "lock-missing",
      `it is promised to be locked until ${promised}, but has no lock that this role may read`,
    );
  else if (retention.until.getTime() < until)
    findings.add(id, "lock-short", `it is locked until ${retention.until.toISOString()}, promised was ${promised}`);
  if (compliance === 1 && retention?.mode === "GOVERNANCE")
    findings.add(id, "lock-mode", "it is locked in GOVERNANCE mode, promised was COMPLIANCE");
}
