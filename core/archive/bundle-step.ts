/** The step of the archive job that stores bundles. It may be taken twice: what cannot be kept locked is stored again. */
import type { Database } from "bun:sqlite";
import { exitStatus, Failure } from "../failure.ts";
import type { BundleRef } from "../format/manifest/manifest.ts";
import { storeBundles } from "./bundling/bundles.ts";
import type { ArchiveJob } from "./job.ts";
import type { RetentionPlan } from "./locks/retention.ts";
import { findOwnFiles } from "./own-files.ts";
import type { LockBudget } from "./quilting/reading/lock-wait.ts";
import { FileTable } from "./state/tables/files.ts";

/** `stored`: bundles that were sent; the others were there. */
export type BundlingSummary = {
  readonly bundles: number;
  readonly stored: number;
  readonly bytesRead: number;
  readonly bytesStored: number;
};

type BundlingStepDeps = {
  readonly database: Database;
  readonly plan: RetentionPlan;
  readonly lockBudget: LockBudget;
};

export class Bundling {
  bundles: readonly BundleRef[] = [];
  readonly #job: ArchiveJob;
  readonly #deps: BundlingStepDeps;
  readonly #meter = { stored: 0, unchanged: 0, bytesRead: 0, bytesStored: 0 };

  constructor(job: ArchiveJob, deps: BundlingStepDeps) {
    this.#job = job;
    this.#deps = deps;
  }

  async run(): Promise<void> {
    const { config, bucket, filters, keyed, openTable, now, random, sleep, notify, signal, progress } = this.#job;
    const { plan, ...deps } = this.#deps;
    let read = 0;
    this.bundles = await storeBundles({
      ...deps,
      bucket,
      filters,
      keyed,
      openTable,
      adopt: this.#job.adoptBundles,
      sections: config.bundles,
      keepOthers: this.#job.bundlesOnly,
      name: config.backup.name,
      retention: plan.retention,
      minimumLockEnd: plan.minimumLockEnd,
      own: await findOwnFiles(config, bucket.url),
      now,
      random,
      sleep,
      notify,
      breathe: async () => {
        signal.throwIfAborted();
        await new Promise((resolve) => setImmediate(resolve));
      },
      meter: this.#meter,
      onBytes: (bytes) => {
        read += bytes;
        progress(this.#meter.stored, 0, read);
      },
      signal,
    });
  }

  get summary(): BundlingSummary {
    const { stored, bytesRead, bytesStored } = this.#meter;
    return { bundles: this.bundles.length, stored, bytesRead, bytesStored };
  }
}

/**
 * Throws a Failure if backups of this name have files: the newest backup would have only bundles, and a restore takes the newest.
 */
export function refuseForFiles(database: Database, name: string): void {
  if (new FileTable(database).inOrder().next().done === true) return;
  throw new Failure({
    doing: "store bundles alone as a backup of",
    what: name,
    why: "`archive` stores files under this name, and the newest backup would be without them",
    remedy: "give another --name, or put sections [bundle NAME] into conf, which `archive` stores with the files",
    exit: exitStatus.usage,
  });
}
