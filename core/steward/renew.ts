/**
 * Extends the locks of all that the kept backups need: for hosts that no longer run, and so extend nothing themselves.
 *
 * A backup's objects are locked from now for as many days as its manifest promised from its start, or as are asked for. As in an
 * archive, a lock that lasts so long is left alone, and one that does not gets a week more than that, so that a daily `renew`
 * extends weekly. Each object is looked at once, however many backups need it.
 *
 * The date that a manifest states stays as it was written. It remains true: all is locked at least until then.
 */
import type { Bucket } from "../bucket/contract.ts";
import { throwIfFatal } from "../bucket/fatal.ts";
import type { LockMode } from "../format/lock-mode.ts";
import type { ManifestHeader } from "../format/manifest.ts";
import { type NeededVersion, References } from "../manifest/references/references.ts";
import type { Notify } from "../notice.ts";
import { eachOf } from "../side-by-side.ts";
import { chooseRoots, type Root } from "./kept.ts";
import { addNeedsOf } from "./needs-of.ts";
import type { Policy } from "./policy.ts";

export type RenewJob = {
  readonly bucket: Pick<Bucket, "get" | "retention" | "extend">;
  /** Roots as `findRoots` lists them. */
  readonly roots: readonly Root[];
  /** Whose backups; undefined: those of all names. */
  readonly name: string | undefined;
  readonly policy: Policy;
  /** Days from now; undefined: as each manifest promised from its start. */
  readonly days: number | undefined;
  readonly now: () => Date;
  readonly notify: Notify;
  readonly onProgress: (objects: number) => void;
  readonly signal: AbortSignal;
};

export type RenewSummary = {
  readonly backups: number;
  readonly objects: number;
  readonly bytes: number;
  readonly extended: number;
  /** Missing objects, and roots and parts that cannot be read. */
  readonly damaged: number;
  /** Objects whose lock could not be extended, for other reasons. */
  readonly refused: number;
};

const day = 24 * 60 * 60 * 1000;
const slack = 7 * day;
const atOnce = 8;

export async function renew(job: RenewJob): Promise<RenewSummary> {
  const { bucket, roots, name, policy, days, notify, signal } = job;
  const now = job.now();
  const decisions = chooseRoots(roots, { name, policy, now, notify });
  const kept = decisions.flatMap(({ backup, reasons }) => {
    return reasons.length > 0 && (name === undefined || backup.name === name) ? [backup] : [];
  });
  const figures = { backups: kept.length, objects: 0, bytes: 0, extended: 0, damaged: 0, refused: 0 };
  using references = new References();
  await addNeedsOf(
    kept.flatMap(({ versions }) => versions),
    {
      bucket,
      references,
      demandOf: ({ header }) => {
        const duration = days === undefined ? promisedDuration(header) : days * day;
        return { until: new Date(now.getTime() + duration), mode: header.lock_mode };
      },
      onUnreadable: ({ key }, { how }) => {
        figures.damaged += 1;
        notify(notRenewed(`what is named in ${JSON.stringify(key)} is not renewed: ${how}`));
      },
      signal,
    },
  );
  for (const page of references.versions()) {
    await eachOf(page, atOnce, async (object) => {
      signal.throwIfAborted();
      figures.objects += 1;
      figures.bytes += object.size;
      const outcome = await extendOne(object, job);
      if (outcome !== "long enough") figures[outcome] += 1;
    });
    job.onProgress(figures.objects);
  }
  return figures;
}

function promisedDuration(header: ManifestHeader): number {
  return Math.max(0, Date.parse(header.retain_until) - Date.parse(header.started));
}

type LockOutcome = "extended" | "long enough" | "damaged" | "refused";

async function extendOne(object: NeededVersion, { bucket, notify }: RenewJob): Promise<LockOutcome> {
  const { key, version, until } = object;
  const report = (why: string) => notify(notRenewed(`the lock of ${JSON.stringify(key)} is not extended: ${why}`));
  try {
    const lock = await bucket.retention(key, version);
    if (lock !== undefined && lock.until.getTime() >= until) return "long enough";
    await extend(bucket, object, lock?.mode);
    return "extended";
  } catch (error) {
    const { kind, parts } = throwIfFatal(error);
    // An archive extended it further since we looked.
    if (kind === "locked") return "long enough";
    const isMissing = kind === "missing";
    report(isMissing ? "it is missing; `sysbackup verify` shows what that costs" : parts.why);
    return isMissing || kind === "damaged" ? "damaged" : "refused";
  }
}

/** Keeps the mode of the lock: COMPLIANCE cannot be left, and was not asked for. */
async function extend(
  bucket: Pick<Bucket, "extend">,
  { key, version, until }: NeededVersion,
  mode: LockMode = "GOVERNANCE",
) {
  await bucket.extend(key, version, { mode, until: new Date(until + slack) });
}

function notRenewed(message: string) {
  return { level: "error", code: "not-renewed", message } as const;
}
