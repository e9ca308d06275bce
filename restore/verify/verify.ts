/**
 * Verifies that a bucket holds all that backups need, as recorded, locked as promised, and, if it is to be read, with the
 * right content. Any number of backups at once: what they share is looked at once.
 *
 * 1. Read roots and parts: what is needed, and until when it is promised.
 * 2. List what lies in the folders; ask for the lock of each object that is there.
 * 3. Read the chosen objects.
 * 4. Name what damage costs.
 */
import type { ManifestHeader, Totals } from "../../core/format/manifest.ts";
import type { Found } from "../../core/manifest/find.ts";
import { References } from "../../core/manifest/references/references.ts";
import { type Choose, type CollectDeps, type Collected, collect } from "./collect.ts";
import { Extents } from "./extents.ts";
import { type Finding, Findings, type SeverityCounts } from "./findings.ts";
import { horizons } from "./horizons.ts";
import { type LookFigures, lookAtAll } from "./look.ts";
import { Losses, type LostEntries } from "./losses.ts";
import { nameLosses } from "./name-losses.ts";
import type { Notes } from "./notes.ts";
import { PartsRead } from "./parts-read.ts";
import { type ReadFigures, readData } from "./read-data.ts";
import type { VerifyBucket } from "./roots.ts";

export type VerifyOptions = {
  readonly bucket: VerifyBucket;
  readonly sources: Iterable<Found> | AsyncIterable<Found>;
  /** Which objects' content is to be read; undefined for none. */
  readonly read: Choose | undefined;
  /** Where what was read is noted for other hosts. */
  readonly notes?: Notes | undefined;
  readonly now: () => Date;
  readonly onProgress: (done: { readonly objects: number; readonly bytes: number }) => void;
  readonly signal: AbortSignal;
};

/**
 * What a verify says of a backup:
 *
 * - `restorable`: everything is there and locked as promised
 * - `short`: all is there, but not locked as promised
 * - `damaged`: something of it cannot be restored
 * - `unread`: it is of a newer format
 */
export type BackupState = "restorable" | "short" | "damaged" | "unread";

export type BackupVerdict = {
  /** Key of the root, or the local file. */
  readonly manifest: string;
  readonly state: BackupState;
  readonly header: ManifestHeader | undefined;
  readonly totals: Totals | undefined;
  /** When the first of its locks ends; undefined if none is known. */
  readonly lockedUntil: Date | undefined;
  /** Entries and snapshots that cannot be restored, or not wholly. */
  readonly lost: number;
};

export type Verdict = {
  readonly at: Date;
  readonly state: BackupState;
  readonly backups: readonly BackupVerdict[];
  /** Needed by any of them, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  /** Objects by the worst that was found of them. */
  readonly found: SeverityCounts;
  readonly lost: number;
  /** What this role may not look at. */
  readonly unseen: LookFigures;
  /** What was read; undefined if nothing was to be. */
  readonly read: ReadFigures | undefined;
  /** May be gone through any number of times. */
  readonly findings: () => Iterable<Finding>;
  readonly losses: () => Iterable<LostEntries>;
};

/** Calls `use` with the verdict, while all that was found can still be gone through. */
export async function verify<T>(options: VerifyOptions, use: (verdict: Verdict) => Promise<T> | T): Promise<T> {
  using references = new References();
  const { bucket, read, signal, onProgress } = options;
  const deps = {
    bucket,
    references,
    findings: new Findings(references),
    losses: new Losses(references),
    partsRead: new PartsRead(references),
    extents: new Extents(references),
    choose: read ?? (() => false),
    now: options.now(),
    signal,
  };
  const collected = await collect(options.sources, deps);
  const unseen = await lookAtAll({ ...deps, onProgress: (objects) => onProgress({ objects, bytes: 0 }) });
  const { objects, bytes } = references.totals();
  const onBytes = (done: number) => onProgress({ objects, bytes: done });
  const figures = read && (await readData({ ...deps, notes: options.notes, onProgress: onBytes }));
  await nameLosses(deps);

  const { findings, losses } = deps;
  const backups = backupVerdicts(collected, deps);
  const found = findings.counts();
  return await use({
    at: deps.now,
    state: stateOfAll(backups, found),
    backups,
    objects,
    bytes,
    found,
    lost: losses.count(),
    unseen,
    read: figures,
    findings: () => findings.all(),
    losses: () => losses.all(),
  });
}

function backupVerdicts(
  collected: readonly Collected[],
  { references, findings, losses }: CollectDeps,
): BackupVerdict[] {
  const known = horizons(references);
  return collected.map(({ id, title, manifest, root }) => {
    // Nothing is promised by a manifest that cannot be read.
    const horizon = manifest && known.get(id);
    const lost = losses.countOf(id);
    const hurt = root !== undefined && findings.damageOf(root) !== undefined;
    const state =
      hurt || lost > 0 ? "damaged" : manifest === undefined ? "unread" : horizon?.short ? "short" : "restorable";
    const { header, totals } = manifest ?? {};
    return { manifest: title, state, header, totals, lockedUntil: horizon?.lockedUntil, lost };
  });
}

/** Damage that costs no backup anything counts too: the next one may build upon it. */
function stateOfAll(backups: readonly BackupVerdict[], found: SeverityCounts): BackupState {
  const any = (state: BackupState) => backups.some((backup) => backup.state === state);
  if (found.damage > 0 || any("damaged")) return "damaged";
  if (any("unread")) return "unread";
  return found.promise > 0 || any("short") ? "short" : "restorable";
}
