/** What a simulation took: requests, bytes, backups. */
import { type Counts, noCounts } from "../../core/bucket/decorators/count.ts";
import type { KnownBackup } from "./backups.ts";
import { idOf, type Version } from "./watcher.ts";

const kinds = ["put", "get", "head", "list", "extend", "remove"] as const;

/** Figures of one sort of run: archives, prunes, renewals. */
class Tally {
  runs = 0;
  readonly total = noCounts();
  readonly extendsByYear: number[] = [];

  add(counts: Counts, today: number): void {
    this.runs += 1;
    for (const kind of kinds) this.total[kind] += counts[kind];
    const year = Math.floor(today / 365);
    while (this.extendsByYear.length <= year) this.extendsByYear.push(0);
    this.extendsByYear[year] = (this.extendsByYear[year] ?? 0) + counts.extend;
  }

  mean(): string {
    const each = kinds.map((kind) => `${kind} ${(this.total[kind] / Math.max(1, this.runs)).toFixed(2)}`);
    const all = kinds.reduce((sum, kind) => sum + this.total[kind], 0);
    return `${(all / Math.max(1, this.runs)).toFixed(1)} a run over ${this.runs} runs: ${each.join(", ")}`;
  }
}

export class Figures {
  readonly archives = new Tally();
  /** Archives that found nothing changed, and extended nothing. */
  readonly unchanged = new Tally();
  readonly prunes = new Tally();
  readonly renewals = new Tally();
  readonly notices = new Map<string, number>();
  killed = 0;
  restores = 0;
  /** By the policy, and those that are still locked besides. */
  backupsKept = 0;
  backupsThere = 0;
  backupsPruned = 0;
  objectsPruned = 0;
  space: Space | undefined;

  lines(): string[] {
    const { archives, unchanged, prunes, renewals, space } = this;
    return [
      `requests of archives: ${archives.mean()}`,
      `requests of archives with nothing changed or extended: ${unchanged.mean()}`,
      `requests of prunes: ${prunes.mean()}`,
      `requests of renewals: ${renewals.mean()}`,
      `extension requests by year, of archives: ${archives.extendsByYear.join(", ")}; of renewals: ${renewals.extendsByYear.join(", ")}`,
      `runs killed: ${this.killed}; restores compared: ${this.restores}`,
      `backups kept by the policy: ${this.backupsKept}, there: ${this.backupsThere}; pruned: ${this.backupsPruned}; objects pruned: ${this.objectsPruned}`,
      ...(space === undefined ? [] : linesOf(space)),
      `notices: ${[...this.notices].map(([code, count]) => `${code} ${count}`).join(", ")}`,
    ];
  }
}

function linesOf({ stored, needed, locked, neededPacks, copies, chunks }: Space): string[] {
  const mib = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
  return [
    `stored ${mib(stored)}: needed by kept backups ${mib(needed)}, locked though not needed ${mib(locked)}`,
    `packs needed ${mib(neededPacks)}: chunks in use ${mib(chunks)}, further copies of them ${mib(copies - chunks)}`,
    `stored over live: ${(stored / needed).toFixed(2)} by object, ${(stored / (needed - neededPacks + chunks)).toFixed(2)} by chunk`,
  ];
}

export type Space = {
  /** Bytes in the bucket. */
  readonly stored: number;
  /** In objects that kept backups need; in others that are still locked. */
  readonly needed: number;
  readonly locked: number;
  /** In packs that are needed; in their chunks that are in use, each copy; and each chunk once. */
  readonly neededPacks: number;
  readonly copies: number;
  readonly chunks: number;
};

/** `kept`: those that a prune would leave if nothing were locked. */
export function spaceOf(versions: ReadonlyMap<string, Version>, kept: readonly KnownBackup[], now: Date): Space {
  const needed = new Set<string>();
  const copies = new Map<string, number>();
  const chunks = new Map<string, number>();
  for (const backup of kept) {
    needed.add(idOf(backup.key, backup.version));
    for (const { key, version } of backup.needs) needed.add(idOf(key, version));
    for (const [pack, ofPack] of backup.chunks) {
      for (const [digest, length] of ofPack) {
        copies.set(`${pack} ${digest}`, length);
        chunks.set(digest, length);
      }
    }
  }
  const sum = (of: (version: Version, id: string) => boolean) =>
    [...versions].reduce((bytes, [id, version]) => bytes + (of(version, id) ? version.size : 0), 0);
  return {
    stored: sum(() => true),
    needed: sum((_, id) => needed.has(id)),
    locked: sum(({ until }, id) => !needed.has(id) && until > now),
    neededPacks: sum(({ key }, id) => key.startsWith("packs/") && needed.has(id)),
    copies: total(copies),
    chunks: total(chunks),
  };
}

function total(lengths: ReadonlyMap<string, number>): number {
  return [...lengths.values()].reduce((sum, length) => sum + length, 0);
}
