/** Decides which backups of which names are kept. */
import { nearest } from "../config/nearest.ts";
import { exitStatus, Failure } from "../failure.ts";
import { parseManifestKey, prefixes, timeOfStamp } from "../format/keys.ts";
import type { VersionLister } from "../manifest/roots.ts";
import type { Notify } from "../notice.ts";
import { applyPolicy, type Dated, type Policy } from "./policy.ts";
import { classify, type KeyVersions, listKeys } from "./versions.ts";

/** The root of a backup: all versions of its key, as anyone who may put objects may put one over it. */
export type Root = KeyVersions & Dated & { readonly name: string };

/** `reasons` are the policy's; or `not chosen`, for a name that was not asked for; or `in the future`. */
export type RootDecision = { readonly backup: Root; readonly reasons: readonly string[] };

const day = 24 * 60 * 60 * 1000;

/**
 * Lists all roots in byte order of key, also those that a delete marker hides: they can be restored by version. Throws if
 * anything else lies among the manifests: what a manifest of another tool or a newer version needs is not known.
 */
export async function findRoots(bucket: VersionLister): Promise<Root[]> {
  const roots: Root[] = [];
  for await (const keys of listKeys(bucket, prefixes.manifests)) {
    for (const found of keys) {
      if (found.versions.length === 0 || classify(found.key)?.kind === "part") continue;
      const parsed = parseManifestKey(found.key);
      const time = parsed && timeOfStamp(parsed.stamp);
      if (parsed === undefined || time === undefined) throw notUnderstood(found.key);
      roots.push({ ...found, name: parsed.name, time });
    }
  }
  return roots;
}

function notUnderstood(key: string): Failure {
  return new Failure({
    doing: "find out which objects are still needed by",
    what: key,
    why: "it is not a manifest that this version knows",
    remedy: "use a newer sysbackup; or remove it if its backups are no longer wanted",
  });
}

export type Choice = {
  /** Undefined: all names. */
  readonly name: string | undefined;
  readonly policy: Policy;
  readonly now: Date;
  readonly notify: Notify;
};

/** Decides about each root, newest first within a name. Those of names that were not chosen are all kept. */
export function chooseRoots(roots: readonly Root[], { name, policy, now, notify }: Choice): RootDecision[] {
  const names = Map.groupBy(roots, (root) => root.name);
  checkName(name, [...names.keys()]);
  return [...names].flatMap(([one, own]) => {
    if (name !== undefined && one !== name) return own.map((backup) => ({ backup, reasons: ["not chosen"] }));
    const [dated, future] = byClock(own, now);
    for (const { key } of future) notify(fromTheFuture(key));
    return [...future.map((backup) => ({ backup, reasons: ["in the future"] })), ...applyPolicy(dated, policy)];
  });
}

/**
 * Sets backups of the future apart. One that was made with a wrong clock, or by an attacker, would be the newest for years,
 * and each rule would keep it in the place of a good one. So no rule counts it, and it is kept.
 */
function byClock(roots: readonly Root[], now: Date): [dated: Root[], future: Root[]] {
  const isFuture = ({ time }: Root) => time.getTime() > now.getTime() + day;
  return [roots.filter((root) => !isFuture(root)), roots.filter(isFuture)];
}

function fromTheFuture(key: string) {
  const message = `the backup ${JSON.stringify(key)} is dated in the future; it is kept, and no rule counts it`;
  return { level: "warning", code: "backup-in-future", message } as const;
}

/** Refuses a name without backups: a misspelt one must not look like one of which all is well. */
function checkName(name: string | undefined, known: readonly string[]): void {
  if (name === undefined || known.includes(name)) return;
  const near = nearest(name, known);
  throw new Failure({
    doing: "find backups of",
    what: name,
    why: "the bucket has none of that name",
    remedy: near === undefined ? "`sysbackup list` shows the names" : `did you mean ${JSON.stringify(near)}?`,
    exit: exitStatus.usage,
  });
}

export type Stale = { readonly name: string; readonly last: Date };

/** Lists names whose newest backup is more than `days` old. A date in the future does not make a name fresh. */
export function staleNames(roots: readonly Root[], name: string | undefined, days: number, now: Date): Stale[] {
  const names = Map.groupBy(roots, (root) => root.name);
  checkName(name, [...names.keys()]);
  return [...names].flatMap(([one, own]) => {
    if (name !== undefined && one !== name) return [];
    const [dated] = byClock(own, now);
    const last = new Date(Math.max(0, ...dated.map(({ time }) => time.getTime())));
    return now.getTime() - last.getTime() > days * day ? [{ name: one, last }] : [];
  });
}
