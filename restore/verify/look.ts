/**
 * Whether the bucket holds the objects, and how: lists tell versions, sizes and what lies over them; what they cannot
 * tell (locks, holds, the stated encoding) is asked for with one request an object, and only where the list found it.
 * Where a role may not read, and so not ask for all that, it is asked for the lock alone.
 */
import { BucketError, type BucketReader, type ListedVersion, type ObjectInfo } from "../../core/bucket/contract.ts";
import { codecOf, isPack } from "../../core/format/encoding.ts";
import { lossOf } from "../../core/manifest/loss.ts";
import { isContent } from "../../core/manifest/needs.ts";
import { eachOf } from "../../core/side-by-side.ts";
import type { CollectContext } from "./collect.ts";
import type { Row } from "./findings.ts";

export type LookContext = Pick<CollectContext, "bucket" | "needs" | "findings" | "now" | "signal"> & {
  readonly onProgress: (objects: number) => void;
};

/** For up to so many keys of a folder, a listing for each is cheaper than one of what may be a whole bucket. */
const fewest = 20;
const atOnce = 16;

export type LookFigures = {
  /** Objects of which the role may see the lock and no more: whether they are under a legal hold is not known. */
  lockOnly: number;
  /** Those of them in `content/`, whose stated encoding is not known either. Of a pack, its name says it. */
  encodingUnknown: number;
};

export async function lookAtAll(context: LookContext): Promise<LookFigures> {
  context.needs.spreadPromises();
  await list(context);
  return await askForLocks(context);
}

async function list({ bucket, needs, findings, signal }: LookContext): Promise<void> {
  for (const { folder, objects } of needs.folders()) {
    if (objects > fewest) await noteVersions(bucket.listVersions(folder), new Versions(findings), signal);
    else
      await eachOf(needs.keysIn(folder), atOnce, async (key) => {
        await noteVersions(bucket.listVersions(key), new Versions(findings, key), signal);
      });
  }
  for (const { id, size, found } of findings.notAsRecorded()) {
    if (found === null) findings.add(id, "missing", "it is missing from the bucket", true);
    else findings.add(id, "wrong-size", `it has ${found} bytes, ${size} were stored`, true);
  }
}

async function noteVersions(pages: AsyncIterable<readonly ListedVersion[]>, versions: Versions, signal: AbortSignal) {
  for await (const page of pages) {
    signal.throwIfAborted();
    versions.note(page);
  }
}

/** Goes through listed versions, newest first within a key, also where a key's versions are on several pages. */
class Versions {
  #key: string | undefined;
  /** Of the key, those that lie over what comes next. */
  #above: ListedVersion[] = [];

  constructor(
    readonly findings: CollectContext["findings"],
    /** The only one that is meant, where others may begin with it. */
    readonly only?: string,
  ) {}

  note(page: readonly ListedVersion[]): void {
    this.findings.database.transaction(() => {
      for (const listed of page) if (this.only === undefined || listed.key === this.only) this.#one(listed);
    })();
  }

  #one(listed: ListedVersion): void {
    if (listed.key !== this.#key) {
      this.#key = listed.key;
      this.#above = [];
    }
    if (!listed.deleteMarker) for (const id of this.findings.found(listed)) this.#tellAbove(id, listed);
    this.#above.push(listed);
  }

  #tellAbove(id: number, { size }: ListedVersion): void {
    const marker = this.#above.find(({ deleteMarker }) => deleteMarker);
    if (marker !== undefined) {
      const why = `a delete marker (${marker.version}) lies over it: no restore is hurt, but somebody tried to delete it, and lifecycle rules may follow`;
      this.findings.add(id, "delete-marker", why);
    }
    const newer = this.#above.filter(
      ({ key, version, deleteMarker }) => !deleteMarker && !this.findings.knows(key, version),
    );
    const [newest] = newer;
    if (newest === undefined) return;
    const other = newer.some((version) => version.size !== size);
    const who = other
      ? "of another size, so not sysbackup's: somebody with the right to put here is at work"
      : "of the same size: another run that stored the same again, or somebody with the right to put here";
    const why = `a newer version (${newest.version}) lies over it, ${who}; a restore reads the version that it recorded`;
    this.findings.add(id, "newer-version", why);
  }
}

async function askForLocks(context: LookContext): Promise<LookFigures> {
  const { bucket, findings, signal, onProgress } = context;
  const asker = new Asker(bucket);
  const figures = { lockOnly: 0, encodingUnknown: 0 };
  let asked = 0;
  await eachOf(onePerVersion(findings), atOnce, async (row) => {
    signal.throwIfAborted();
    try {
      const info = await asker.ask(row);
      const rows = findings.rowsOf(row.key, row.version);
      for (const same of rows) judge(same, info, context);
      if (info?.whole === false) {
        figures.lockOnly += 1;
        if (rows.some(({ kind }) => statesEncoding(kind))) figures.encodingUnknown += 1;
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

/** What is known of an object that was listed: all, or its lock alone. */
type Known =
  | ({ readonly whole: true } & Pick<ObjectInfo, "metadata" | "retention" | "legalHold">)
  | ({ readonly whole: false } & Pick<ObjectInfo, "retention">);

class Asker {
  /** Top folders in which an object was refused, so that the next one costs one request, too. */
  readonly #refused = new Set<string>();

  constructor(readonly bucket: Pick<BucketReader, "head" | "retention">) {}

  /** Undefined where it does not exist. */
  async ask({ key, version }: Row): Promise<Known | undefined> {
    const folder = key.slice(0, key.indexOf("/"));
    if (!this.#refused.has(folder)) {
      try {
        const info = await this.bucket.head(key, version);
        return info && { whole: true, ...info };
      } catch (error) {
        if (!(error instanceof BucketError) || error.kind !== "denied") throw error;
        this.#refused.add(folder);
      }
    }
    return { whole: false, retention: await this.bucket.retention(key, version) };
  }
}

const statesEncoding = (kind: Row["kind"]): boolean => isContent(kind) && !isPack(kind);

/** Rows that contradict each other in other things than the version are asked for once. */
function* onePerVersion(findings: CollectContext["findings"]): Generator<Row> {
  for (const row of findings.sound()) if (findings.rowsOf(row.key, row.version)[0]?.id === row.id) yield row;
}

function judge(row: Row, info: Known | undefined, { findings, now }: LookContext): void {
  const { id, until, compliance, kind } = row;
  if (info === undefined) {
    findings.add(id, "missing", "it is listed, but cannot be found", true);
    return;
  }
  const { retention } = info;
  if (info.whole && isContent(kind)) {
    const stated = info.metadata["storage-encoding"] ?? "none";
    const expected = isPack(kind) ? "none" : codecOf(kind);
    if (stated !== expected)
      findings.add(id, "wrong-encoding", `it is stored as ${JSON.stringify(stated)}, the manifest says ${kind}`, true);
  }
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
