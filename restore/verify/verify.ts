/**
 * Whether a bucket holds all that backups need, as recorded, locked as promised, and, where it is to be read, with the
 * right content. Any number of backups at once: what they share is looked at once.
 *
 * 1. Read roots and parts: what is needed, and until when it is promised.
 * 2. List what lies in the folders; ask for the lock of each object that is there.
 * 3. Read the chosen objects.
 * 4. Name what damage costs.
 */
import type { ManifestHeader, Totals } from "../../core/format/manifest.ts";
import type { Found } from "../../core/manifest/find.ts";
import { Needs } from "../../core/manifest/needs.ts";
import { type Collected, Collector } from "./collect.ts";
import { Extents } from "./extents.ts";
import { type Finding, Findings, type SeverityCounts } from "./findings.ts";
import { horizons } from "./horizons.ts";
import { type LookFigures, lookAtAll } from "./look.ts";
import { type Loss, Losses } from "./losses.ts";
import { nameLosses } from "./name-losses.ts";
import { type ReadFigures, readData } from "./read-data.ts";
import type { VerifyBucket } from "./roots.ts";

export type VerifyOptions = {
  readonly bucket: VerifyBucket;
  readonly sources: Iterable<Found> | AsyncIterable<Found>;
  /** Which objects' content is to be read, by key; undefined for none. */
  readonly read: ((key: string) => boolean) | undefined;
  readonly now: () => Date;
  readonly onProgress: (done: { readonly objects: number; readonly bytes: number }) => void;
  readonly signal: AbortSignal;
};

/**
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
  /** When the first of its locks ends; undefined where none is known. */
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
  /** Of the objects. */
  readonly found: SeverityCounts;
  readonly lost: number;
  /** What this role may not look at. */
  readonly unseen: LookFigures;
  /** What was read; undefined where nothing was to be. */
  readonly read: ReadFigures | undefined;
  /** May be gone through any number of times. */
  readonly findings: () => Iterable<Finding>;
  readonly losses: () => Iterable<Loss>;
};

/** `use` is given the verdict while all that was found can still be gone through. */
export async function verify<T>(options: VerifyOptions, use: (verdict: Verdict) => Promise<T> | T): Promise<T> {
  using needs = new Needs();
  const findings = new Findings(needs);
  const losses = new Losses(findings);
  const extents = new Extents(findings);
  const { bucket, read, signal, onProgress } = options;
  const now = options.now();
  const choose = read ?? (() => false);
  const collector = new Collector({ bucket, needs, findings, losses, extents, choose, now, signal });
  for await (const source of options.sources) await collector.add(source);

  const onObjects = (objects: number) => onProgress({ objects, bytes: 0 });
  const unseen = await lookAtAll({ bucket, needs, findings, now, signal, onProgress: onObjects });
  const { objects, bytes } = needs.totals();
  const onBytes = (done: number) => onProgress({ objects, bytes: done });
  const figures = read && (await readData({ bucket, findings, extents, choose, signal, onProgress: onBytes }));
  await nameLosses(collector);

  const backups = backupVerdicts(collector.backups, needs, findings, losses);
  const found = findings.counts();
  return await use({
    at: now,
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
  backups: readonly Collected[],
  needs: Needs,
  findings: Findings,
  losses: Losses,
): BackupVerdict[] {
  const known = horizons(needs);
  return backups.map(({ id, title, manifest, root }) => {
    const { lockedUntil, short } = known.get(id) ?? { lockedUntil: undefined, short: false };
    const lost = losses.countOf(id);
    const hurt = root !== undefined && findings.damageOf(root) !== undefined;
    const state = hurt || lost > 0 ? "damaged" : manifest === undefined ? "unread" : short ? "short" : "restorable";
    return { manifest: title, state, header: manifest?.header, totals: manifest?.totals, lockedUntil, lost };
  });
}

/** Damage that costs no backup anything is damage all the same: the next one may build upon it. */
function stateOfAll(backups: readonly BackupVerdict[], found: SeverityCounts): BackupState {
  const any = (state: BackupState) => backups.some((backup) => backup.state === state);
  if (found.damage > 0 || any("damaged")) return "damaged";
  if (any("unread")) return "unread";
  return found.promise > 0 || any("short") ? "short" : "restorable";
}
