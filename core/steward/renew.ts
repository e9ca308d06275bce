/**
 * Extends the locks of all that the kept backups need: for hosts that no longer run, and so extend nothing themselves.
 *
 * A backup's objects are locked from now for as many days as its manifest promised from its start, but no more than the steward
 * allows, or for as many as are asked for. As in an
 * archive, a lock that lasts so long is left alone, and one that does not gets a week more than that, so that a daily `renew`
 * extends weekly. Each object is looked at once, however many backups need it.
 *
 * The date that a manifest states stays as it was written. It remains true: all is locked at least until then.
 */

import type { Bucket } from "../bucket/contract.ts";
import { extendUnlessLonger } from "../bucket/extend-unless-longer.ts";
import { ExtensionCheck } from "../bucket/extension-check.ts";
import { throwIfFatal } from "../bucket/fatal.ts";
import { legacyDays } from "../config/legacy.ts";
import { day } from "../format/day.ts";
import type { Manifest, ManifestHeader } from "../format/manifest/manifest.ts";
import { daysUntilExpiry } from "../manifest/expired.ts";
import { type LockDemand, type NeededVersion, References } from "../manifest/references/references.ts";
import type { Notify } from "../notice.ts";
import { eachOf } from "../side-by-side.ts";
import { Growth, type Holding } from "./growth.ts";
import { chooseRoots, type RootDecision, wrongDates } from "./kept.ts";
import { Needs, type Unreadable } from "./needs-of.ts";
import type { Policy } from "./policy.ts";
import type { Root } from "./root.ts";
import { isSpent, spent } from "./spent.ts";

export type RenewJob = {
  readonly bucket: Pick<Bucket, "get" | "retention" | "extend" | "serverTime" | "expiryDays">;
  /** As `findRoots` lists them. */
  readonly roots: readonly Root[];
  /** Whose backups. Anybody who may put can add names, and locks never become shorter: so each is named. */
  readonly names: readonly string[];
  readonly policy: Policy;
  /** Days from now; undefined: as each manifest promised from its start, but at most `mostDays`. */
  readonly days: number | undefined;
  readonly mostDays: number;
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
  /** Objects that are locked in GOVERNANCE mode, though a kept backup promises COMPLIANCE. */
  readonly weaker: number;
  /** Backups that have expired, and of which something is gone already: see `spent.ts`. */
  readonly expired: number;
  /** What the names hold. */
  readonly holdings: readonly Holding[];
};

const slack = 7 * day;
const atOnce = 8;
const mostReported = 10;

export async function renew(job: RenewJob): Promise<RenewSummary> {
  const { bucket, roots, names, notify } = job;
  const start = job.now();
  const timeOfServer = bucket.serverTime() ?? start;
  using references = new References();
  const promises = new Promises(job, start);
  const demandOf = ({ header }: Manifest) => promises.demandOf(header);
  const needs = new Needs({ bucket, references, demandOf, now: timeOfServer, signal: job.signal });
  const unreadables = new Unreadables(notify);
  const chosen = await chooseAndRead(job, { needs, unreadables, timeOfServer });
  await needs.addParts(unreadables.report);
  promises.report(notify);
  const own = roots.filter(({ name }) => names.includes(name));
  const growth = new Growth(own, timeOfServer);
  const extended = await extendAll(references, growth, job);
  if (extended.weaker > 0) notify(weakerNotice(extended.weaker));
  const holdings = growth.holdings(needs.names(), () => true, false);
  growth.warn(holdings, notify);
  return { ...chosen, ...extended, damaged: unreadables.damaged + extended.damaged, holdings };
}

type ChooseDeps = { readonly needs: Needs; readonly unreadables: Unreadables; readonly timeOfServer: Date };

/** Chooses the backups to renew. Afterwards `needs` has what they need, as far as their roots say it. */
async function chooseAndRead(job: RenewJob, { needs, unreadables, timeOfServer: now }: ChooseDeps) {
  const { bucket, roots, names, policy, notify, signal } = job;
  const usable = new Set<Root>();
  const gone = new Set<Root>();
  const expires = (await daysUntilExpiry(bucket)) !== undefined;
  const read = async (root: Root) => {
    if (expires && (await isSpent(root, { bucket, now, signal }))) {
      gone.add(root);
      return spent;
    }
    const why = await needs.add(root, unreadables.reportRoot);
    if (why === undefined) usable.add(root);
    return why;
  };
  const look = (root: Root) => needs.look(root, unreadables.reportRoot);
  const keep = () => Promise.resolve();
  const isComplete = (root: Root) => needs.isComplete(root);
  const decisions = await chooseRoots(roots, { names, policy, now, read, look, keep, isComplete });
  const dated = decisions.filter(({ reasons }) => reasons.includes(wrongDates.why));
  if (dated.length > 0) notify(datesNotice(dated));
  if (gone.size > 0) notify(expiredNotice(gone));
  return { backups: usable.size, expired: gone.size };
}

/** Reports roots and parts that cannot be read, the first few by name. */
class Unreadables {
  damaged = 0;
  #junk = 0;
  readonly #notify: Notify;

  constructor(notify: Notify) {
    this.#notify = notify;
  }

  readonly report = ({ object, loss: { how } }: Unreadable): void => {
    this.damaged += 1;
    if (this.damaged > mostReported) return;
    this.#notify(notRenewed(`what is named in ${JSON.stringify(object.key)} is not renewed: ${how}`));
  };

  /** Nobody can restore from junk, and anybody who may put can put it: it is no damage to what is renewed. */
  readonly reportRoot = (unreadable: Unreadable): void => {
    if (!unreadable.loss.junk) {
      this.report(unreadable);
      return;
    }
    this.#junk += 1;
    if (this.#junk > mostReported) return;
    const { object, loss } = unreadable;
    const message = `${JSON.stringify(object.key)} (version ${object.version}) is no backup, and is not renewed: ${loss.how}`;
    this.#notify({ level: "warning", code: "not-a-backup", message });
  };
}

/** Makes demands on locks of what manifests promise, and notes down by name which promises are not kept as they are. */
class Promises {
  readonly #job: Pick<RenewJob, "days" | "mostDays">;
  readonly #start: Date;
  /** The longest promise of each name that is more than the steward wants to lock for, in days. */
  readonly #capped = new Map<string, number>();
  readonly #undated = new Set<string>();

  constructor(job: Pick<RenewJob, "days" | "mostDays">, start: Date) {
    this.#job = job;
    this.#start = start;
  }

  demandOf(header: ManifestHeader): LockDemand {
    const { days, mostDays } = this.#job;
    const promised = promisedDuration(header) / day;
    if (days === undefined && header.origin !== undefined) this.#undated.add(header.name);
    if (days === undefined && promised > mostDays) {
      this.#capped.set(header.name, Math.max(this.#capped.get(header.name) ?? 0, Math.ceil(promised)));
    }
    const duration = (days ?? Math.min(promised, mostDays)) * day;
    return { until: new Date(this.#start.getTime() + duration), mode: header.lock_mode };
  }

  report(notify: Notify): void {
    const { mostDays } = this.#job;
    for (const [name, promised] of [...this.#capped].slice(0, mostReported))
      notify(cappedNotice(name, promised, mostDays));
    for (const name of [...this.#undated].slice(0, mostReported)) notify(undatedNotice(name));
  }
}

/** Extends the locks of all that is needed. */
async function extendAll(references: References, growth: Growth, job: RenewJob) {
  const figures = { objects: 0, bytes: 0, extended: 0, damaged: 0, refused: 0, weaker: 0 };
  const check = new ExtensionCheck(job.bucket);
  for (const page of references.versions()) {
    await eachOf(page, atOnce, async (object) => {
      job.signal.throwIfAborted();
      figures.objects += 1;
      figures.bytes += object.size;
      growth.addUndated(object.owner, object.size);
      const { outcome, isWeaker } = await extendOne(object, check, job);
      if (outcome !== "long enough") figures[outcome] += 1;
      if (isWeaker) figures.weaker += 1;
    });
    job.onProgress(figures.objects);
  }
  return check.lied ? { ...figures, ...(await readAllBack(references, figures, job)) } : figures;
}

/** Manifests of s3-sysbackup promise no date. */
const legacyPromise = legacyDays * day;

function promisedDuration(header: ManifestHeader): number {
  if (header.origin !== undefined) return legacyPromise;
  return Math.max(0, Date.parse(header.retain_until) - Date.parse(header.started));
}

function cappedNotice(name: string, promised: number, mostDays: number) {
  const message = `backups of ${JSON.stringify(name)} promise locks of up to ${promised} days; they are locked for ${mostDays} days from now: --max-days gives more`;
  return { level: "warning", code: "promise-capped", message } as const;
}

function undatedNotice(name: string) {
  const message = `s3-sysbackup made backups of ${JSON.stringify(name)}, which promise no date: they are locked for ${legacyDays} days from now: --days gives more`;
  return { level: "info", code: "no-promise", message } as const;
}

/** Locks are for what the rules keep: anybody with the machine's key can put any number that no rule limits. */
function datesNotice(dated: readonly RootDecision[]) {
  const first = JSON.stringify(dated[0]?.backup.key);
  return notRenewed(
    `${dated.length} backups are not renewed, such as ${first}: their dates contradict the server's; \`sysbackup list\` shows them`,
  );
}

function expiredNotice(gone: ReadonlySet<Root>) {
  const first = JSON.stringify([...gone][0]?.key);
  const message = `${gone.size} backups are not renewed, such as ${first}: they have expired, and the bucket's lifecycle rule has removed some of what they need; renew backups before their promise ends`;
  return { level: "warning", code: "backup-expired", message } as const;
}

/** The mode is not renew's to change: anybody who may put can promise COMPLIANCE, of which nobody could get rid. */
function weakerNotice(count: number) {
  const message = `${count} objects are locked in GOVERNANCE mode, though a backup promises COMPLIANCE: renew keeps the mode that a lock has; \`sysbackup verify\` shows which`;
  return { level: "error", code: "weaker-mode", message } as const;
}

type LockOutcome = {
  readonly outcome: "extended" | "long enough" | "damaged" | "refused";
  readonly isWeaker: boolean;
};

async function extendOne(
  object: NeededVersion,
  check: ExtensionCheck,
  { bucket, notify }: RenewJob,
): Promise<LockOutcome> {
  const { key, version, until, compliance } = object;
  let isWeaker = false;
  const report = (why: string) => notify(notRenewed(`the lock of ${JSON.stringify(key)} is not extended: ${why}`));
  try {
    const lock = await bucket.retention(key, version);
    isWeaker = compliance === 1 && lock?.mode !== "COMPLIANCE";
    if (lock !== undefined && lock.until.getTime() >= until) return { outcome: "long enough", isWeaker };
    const retention = { mode: lock?.mode ?? "GOVERNANCE", until: new Date(until + slack) } as const;
    // An archive may have extended it further since we looked.
    const isExtended = await extendUnlessLonger(bucket, object, retention);
    if (isExtended) await check.pass(object, retention);
    return { outcome: isExtended ? "extended" : "long enough", isWeaker };
  } catch (error) {
    const { kind, parts } = throwIfFatal(error);
    const isMissing = kind === "missing";
    report(isMissing ? "it is missing; `sysbackup verify` shows what that costs" : parts.why);
    return { outcome: isMissing || kind === "damaged" ? "damaged" : "refused", isWeaker };
  }
}

/**
 * Looks at all locks once more, after the server said of one that it was extended, and it was not. Returns how many were
 * extended, and how many were not.
 */
async function readAllBack(
  references: References,
  { extended, refused }: Pick<RenewSummary, "extended" | "refused">,
  { bucket, notify, signal }: RenewJob,
) {
  let short = 0;
  for (const page of references.versions()) {
    await eachOf(page, atOnce, async ({ key, version, until }) => {
      signal.throwIfAborted();
      const isShort = await bucket.retention(key, version).then(
        (lock) => lock === undefined || lock.until.getTime() < until,
        // Missing, or not to be looked up: that is counted already.
        (error) => {
          throwIfFatal(error);
          return false;
        },
      );
      if (isShort) short += 1;
    });
  }
  const unchanged = Math.max(0, short - refused);
  notify(
    notRenewed(`${short} locks are too short, also such as the server said to have extended: it keeps no promise`),
  );
  return { extended: extended - unchanged, refused: refused + unchanged };
}

function notRenewed(message: string) {
  return { level: "error", code: "not-renewed", message } as const;
}
