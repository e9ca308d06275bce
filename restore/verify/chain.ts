/**
 * Checks that backups follow each other as they say. A root names the one before it, with the digest of its footer, and until when it is
 * promised: later it may have been pruned, in the middle as well as at the beginning, so it is missed only until then.
 */
import type { Stored } from "../../core/bucket/contract.ts";
import { parseManifestKey } from "../../core/format/keys/keys.ts";
import type { PreviousBackup } from "../../core/format/manifest/chain.ts";
import type { References } from "../../core/manifest/references/references.ts";
import type { Collected } from "./collected.ts";
import type { Findings } from "./findings.ts";

/** What is known besides what roots say. */
export type ChainKnowledge = {
  /** The backup that this machine stored last, if its name is among those that are verified. */
  readonly last: PreviousBackup | undefined;
};

type ChainDeps = {
  readonly references: References;
  readonly findings: Findings;
  readonly now: Date;
};

/** Reports gaps, forks and new beginnings. Returns the backups that should be there and are not. */
export function reportChain(backups: readonly Collected[], { last }: ChainKnowledge, deps: ChainDeps): Collected[] {
  const { findings, now } = deps;
  const byKey = new Map(backups.map((backup) => [backup.title, backup]));
  const missing = new Map<string, Collected>();
  const followers = new Map<string, Collected[]>();
  const miss = (before: PreviousBackup, why: string) => {
    if (!isPromised(before, now) || missing.has(before.key)) return;
    missing.set(before.key, missed(before, why, deps));
  };
  for (const backup of backups) {
    const before = backup.manifest?.header.previous;
    if (before === undefined || !backup.isTrusted || !isOfItsName(backup, before)) continue;
    const others = followers.get(before.key);
    if (others === undefined) followers.set(before.key, [backup]);
    else others.push(backup);
    const found = byKey.get(before.key);
    if (found === undefined) miss(before, `${JSON.stringify(backup.title)} follows it`);
    else if (found.root !== undefined && isOther(found, before))
      findings.add(found.root, "backup-replaced", `it is not the backup that ${JSON.stringify(backup.title)} follows`);
  }
  if (last !== undefined) {
    const found = byKey.get(last.key);
    if (found === undefined) miss(last, "this machine stored it last");
    else if (found.root !== undefined && isOther(found, last))
      findings.add(found.root, "backup-replaced", "it is not the backup that this machine stored last under its key");
  }
  for (const [key, several] of followers) reportFork(key, several, findings);
  reportBeginnings(backups, findings);
  return [...missing.values()];
}

const isPromised = ({ retain_until }: PreviousBackup, now: Date): boolean => new Date(retain_until) > now;

function isOfItsName({ manifest }: Collected, { key }: PreviousBackup): boolean {
  return parseManifestKey(key)?.name === manifest?.header.name;
}

/** One that cannot be read is reported as damaged. */
function isOther({ manifest }: Collected, { digest }: PreviousBackup): boolean {
  return manifest?.proof !== undefined && manifest.proof.digest !== digest;
}

function missed({ key, version }: PreviousBackup, why: string, { references, findings }: ChainDeps): Collected {
  const root: Stored = { key, version, size: 0 };
  const added = references.addBackup({ root, manifest: undefined, demand: undefined });
  const how = `it is promised, and not in the bucket, though ${why}: it was removed, or is withheld`;
  if (added.root !== undefined) findings.add(added.root, "backup-missing", how, true);
  return {
    id: added.id,
    title: key,
    manifest: undefined,
    stored: undefined,
    root: added.root,
    isTrusted: true,
    expired: false,
  };
}

function reportFork(key: string, [, ...others]: readonly Collected[], findings: Findings): void {
  const why = `it follows ${JSON.stringify(key)}, as another backup does: a run was killed at its very end, the state folder was put back to an earlier one, or somebody else writes under this name`;
  for (const { root } of others) if (root !== undefined) findings.add(root, "chain-forked", why);
}

/** The first backup of a machine follows none, and so does one after the loss of its state. */
function reportBeginnings(backups: readonly Collected[], findings: Findings): void {
  const begun = new Map<string, Date>();
  const inTime = backups.filter(({ stored, isTrusted }) => stored !== undefined && isTrusted).toSorted(byTime);
  for (const { manifest, root, stored } of inTime) {
    if (manifest === undefined || stored === undefined) continue;
    const { name, previous } = manifest.header;
    const since = begun.get(name);
    if (previous !== undefined) begun.set(name, since ?? stored);
    else if (since !== undefined && root !== undefined)
      findings.add(
        root,
        "chain-begins",
        "it follows no backup, and there are earlier ones: the state of its machine was lost, or somebody else wrote it",
      );
  }
}

function byTime(one: Collected, other: Collected): number {
  return (one.stored?.getTime() ?? 0) - (other.stored?.getTime() ?? 0);
}
