/**
 * Verifies that a bucket holds all objects that backups need, as recorded, locked as promised, and, if they are to be read,
 * with the right content. Checks objects that several backups share only once.
 *
 * 1. Read roots and parts: which objects are needed, and until when they are promised.
 * 2. List the folders; ask for the lock of each object that is there.
 * 3. Read the chosen objects.
 * 4. Name the files that are lost.
 */
import type { ManifestHeader, Totals } from "../../core/format/manifest/manifest.ts";
import { daysUntilExpiry } from "../../core/manifest/expired.ts";
import type { Found } from "../../core/manifest/find.ts";
import { type Reference, References } from "../../core/manifest/references/references.ts";
import { step } from "../../core/trace.ts";
import type { ChainKnowledge } from "./chain.ts";
import { type Choose, type CollectDeps, collect } from "./collect.ts";
import type { Collected } from "./collected.ts";
import { Extents, type NeededExtent } from "./extents.ts";
import { type Finding, Findings, type SeverityCounts } from "./findings.ts";
import { horizons } from "./horizons.ts";
import { ListedNeeds } from "./listed-needs.ts";
import { type LookFigures, lookAtAll } from "./look.ts";
import { Losses, type LostEntries } from "./losses.ts";
import { nameLosses } from "./name-losses.ts";
import type { Notes } from "./notes.ts";
import { PartsRead } from "./parts-read.ts";
import { type ReadFigures, readData } from "./read-data.ts";
import type { RootJudges, VerifyBucket } from "./roots.ts";
import { Segments } from "./segments.ts";

export type VerifyOptions = {
  readonly bucket: VerifyBucket;
  readonly sources: Iterable<Found> | AsyncIterable<Found>;
  /** Which objects' content is to be read; undefined for none. */
  readonly read: Choose | undefined;
  /** Where what was read is noted for other hosts. */
  readonly notes?: Notes | undefined;
  readonly now: () => Date;
  readonly judges: RootJudges;
  /** Set if all backups of their names are verified. */
  readonly chain?: ChainKnowledge | undefined;
  readonly onProgress: (done: { readonly objects: number; readonly bytes: number }) => void;
  readonly signal: AbortSignal;
};

/**
 * Verdict on a backup:
 *
 * - `restorable`: everything is there and locked as promised
 * - `short`: all is there, but not locked as promised
 * - `damaged`: something of it cannot be restored
 * - `expired`: its promise is over, and the bucket lets expire what no lock holds: not looked at
 * - `unread`: it, or a part of it, is of a newer format; or its root is another's
 * - `untrusted`: keys are trusted, and none of them signed it
 */
export type BackupState = "restorable" | "short" | "damaged" | "expired" | "unread" | "untrusted";

export type BackupVerdict = {
  /** Key of the root, or the local file. */
  readonly manifest: string;
  readonly state: BackupState;
  readonly header: ManifestHeader | undefined;
  readonly totals: Totals | undefined;
  /** End of the first of its locks; undefined if none is known. */
  readonly lockedUntil: Date | undefined;
  /** Number of entries and snapshots that cannot be restored wholly. */
  readonly lost: number;
};

export type Verdict = {
  readonly at: Date;
  readonly state: BackupState;
  readonly backups: readonly BackupVerdict[];
  /** Number of objects that any of the backups needs; `bytes`: their size. */
  readonly objects: number;
  readonly bytes: number;
  /** Numbers of objects by their worst finding. */
  readonly found: SeverityCounts;
  readonly lost: number;
  /** Days after which the bucket hides what it has, so that locks alone decide; undefined if it does not, as far as is known. */
  readonly expiryDays: number | undefined;
  /** Number of objects that cannot be read before they are thawed. */
  readonly frozen: number;
  /** Objects that this role may not fully look at. */
  readonly unseen: LookFigures;
  /** Figures of the reading; undefined if nothing was to be read. */
  readonly read: ReadFigures | undefined;
  /** Findings; may be read any number of times. */
  readonly findings: () => Iterable<Finding>;
  /** What manifests say of objects and was found to be damage. */
  readonly damage: () => Iterable<Damage>;
  readonly losses: () => Iterable<LostEntries>;
};

/** Calls `use` with the verdict, while the findings can still be read. */
export async function verify<T>(options: VerifyOptions, use: (verdict: Verdict) => Promise<T> | T): Promise<T> {
  using references = new References();
  const { bucket, read, signal, onProgress } = options;
  const expiryDays = await daysUntilExpiry(bucket);
  const deps = {
    bucket,
    expires: expiryDays !== undefined,
    references,
    findings: new Findings(references),
    losses: new Losses(references),
    partsRead: new PartsRead(references),
    segments: new Segments(references),
    listedNeeds: new ListedNeeds(references),
    extents: new Extents(references),
    newerParts: new Set<number>(),
    choose: read ?? (() => false),
    now: options.now(),
    judges: options.judges,
    chain: options.chain,
    signal,
  };
  const collected = await step("read manifests", () => collect(options.sources, deps));
  const looking = { ...deps, onProgress: (objects: number) => onProgress({ objects, bytes: 0 }) };
  const unseen = await step("look at objects", () => lookAtAll(looking));
  const { objects, bytes } = references.totals();
  const onBytes = (done: number) => onProgress({ objects, bytes: done });
  const reading = { ...deps, notes: options.notes, onProgress: onBytes };
  const figures = read && (await step("read data", () => readData(reading)));
  await step("name losses", () => nameLosses(deps));

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
    expiryDays,
    frozen: findings.frozen(),
    unseen,
    read: figures,
    findings: () => findings.all(),
    damage: () => damageIn(deps),
    losses: () => losses.all(),
  });
}

/** `wrong`: the extents that are wrong in an object that is as it was stored; undefined if the object itself is damaged. */
type Damage = Reference & { readonly wrong: (() => Iterable<NeededExtent>) | undefined };

function* damageIn({ findings, extents }: Pick<CollectDeps, "findings" | "extents">): Generator<Damage> {
  for (const { id, code, ...reference } of findings.damaged()) {
    // What a manifest says of a part is no damage to the part.
    if (code === "manifest-damaged") continue;
    yield { ...reference, wrong: code === "wrong-content" ? () => extents.wrongIn(id) : undefined };
  }
}

function backupVerdicts(
  collected: readonly Collected[],
  { references, findings, losses, newerParts }: CollectDeps,
): BackupVerdict[] {
  const known = horizons(references);
  const unread = references.backupsWithParts(newerParts);
  return collected.map(({ id, title, manifest, root, isTrusted, expired }) => {
    // A manifest that cannot be read promises nothing.
    const horizon = manifest && known.get(id);
    const lost = losses.countOf(id);
    const hurt = root !== undefined && findings.damageOf(root) !== undefined;
    const state =
      hurt || lost > 0
        ? "damaged"
        : expired
          ? "expired"
          : manifest === undefined || unread.has(id)
            ? "unread"
            : !isTrusted
              ? "untrusted"
              : horizon?.short
                ? "short"
                : "restorable";
    const { header, totals } = manifest ?? {};
    return { manifest: title, state, header, totals, lockedUntil: expired ? undefined : horizon?.lockedUntil, lost };
  });
}

/** Returns the state of all. Damage that no backup suffers from counts too: the next backup may build upon it. */
function stateOfAll(backups: readonly BackupVerdict[], found: SeverityCounts): BackupState {
  const any = (state: BackupState) => backups.some((backup) => backup.state === state);
  if (found.damage > 0 || any("damaged")) return "damaged";
  if (any("unread")) return "unread";
  if (any("untrusted")) return "untrusted";
  if (backups.length > 0 && backups.every(({ state }) => state === "expired")) return "expired";
  return found.promise > 0 || any("short") ? "short" : "restorable";
}
