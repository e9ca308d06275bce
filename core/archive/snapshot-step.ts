/**
 * The step of the archive job that takes snapshots. A dump in chunks may be taken twice: if what it was built upon is not there, or cannot
 * be kept locked.
 */
import type { Database } from "bun:sqlite";
import { dumpPath } from "../format/entries/dump.ts";
import type { SnapshotRef } from "../format/manifest/manifest.ts";
import type { WriteTarget } from "../stored/write.ts";
import { findExecutables } from "./executables/find.ts";
import type { ArchiveJob } from "./job.ts";
import type { RetentionPlan } from "./locks/retention.ts";
import { repackSparsePacks } from "./locks/sparse-packs.ts";
import type { StoreMeter } from "./quilting/layouts/layout.ts";
import type { UsableObjects } from "./quilting/layouts/ledger.ts";
import { rightsOf } from "./rights.ts";
import type { SharedIndex } from "./shared-index/look-up.ts";
import { chunkedDumps, keepDumps } from "./snapshotting/chunked.ts";
import type { DumpStore } from "./snapshotting/snapshot.ts";
import { takeSnapshots } from "./snapshotting/take.ts";
import { wholeDumps } from "./snapshotting/whole.ts";
import { FileTable } from "./state/tables/files.ts";
import { ObjectTable } from "./state/tables/objects.ts";
import { restsOn } from "./state/tables/packed-extents.ts";
import { lookUpBy, withClaims, withoutClaims } from "./usable.ts";

type SnapshottingDeps = {
  readonly target: WriteTarget;
  readonly database: Database;
  readonly plan: RetentionPlan;
  /** Where chunks are looked up that others may have stored. */
  readonly shared: SharedIndex | undefined;
  /** Variables for snapshotters beside those that all children get. */
  readonly variables: Readonly<Record<string, string>>;
  /** Counts dumps that lie in chunks. */
  readonly meter: StoreMeter;
  /** Learns what others have stored. */
  readonly learn: () => Promise<void>;
};

export class Snapshotting {
  snapshots: readonly SnapshotRef[] = [];
  readonly #job: ArchiveJob;
  readonly #deps: SnapshottingDeps;

  constructor(job: ArchiveJob, deps: SnapshottingDeps) {
    this.#job = job;
    this.#deps = deps;
  }

  async run(): Promise<void> {
    const { bundlesOnly, config, notify } = this.#job;
    const { database, plan } = this.#deps;
    if (!bundlesOnly) {
      if (await this.#hasDumps()) await this.#deps.learn();
      repackSparsePacks(database, plan, config.content, "dumps", notify);
      this.snapshots = await this.#take(this.#store(withClaims(this.#deps), this.#deps.shared));
    }
    this.#keep();
  }

  async #hasDumps(): Promise<boolean> {
    const { snapshotsDir } = this.#job;
    // They are reported when they are run.
    const found = await findExecutables(snapshotsDir, "snapshotter", () => {}, rightsOf(this.#job));
    return found.length > 0;
  }

  /** Takes those again that need what is lost. */
  async again(): Promise<void> {
    const lost = this.#lost();
    if (lost.size === 0) return;
    const store = this.#store(withoutClaims(this.#deps), undefined);
    const taken = new Map((await this.#take(store, lost)).map((snapshot) => [snapshot.snapshotter, snapshot]));
    this.snapshots = this.snapshots.flatMap((snapshot) => {
      const { snapshotter } = snapshot;
      return lost.has(snapshotter) ? (taken.get(snapshotter) ?? []) : [snapshot];
    });
    this.#keep();
  }

  #take(store: DumpStore, only?: ReadonlySet<string>): Promise<SnapshotRef[]> {
    const { snapshotsDir, config, now, notify, signal } = this.#job;
    return takeSnapshots({
      folder: snapshotsDir,
      privileged: rightsOf(this.#job),
      store,
      stateDir: config.backup.stateDir,
      environment: this.#deps.variables,
      timeoutMs: config.content.snapshotTimeout,
      now,
      notify,
      signal,
      ...(only !== undefined && { only }),
    });
  }

  #store(usable: UsableObjects, shared: SharedIndex | undefined): DumpStore {
    const { config, keyed, signal } = this.#job;
    const { target, database, meter } = this.#deps;
    const { layout, compression: codec, compressionLevel: level, packSize } = config.content;
    if (layout === "objects") {
      return wholeDumps({ name: config.backup.name, target, compression: { codec, level }, keyed });
    }
    return chunkedDumps({
      target,
      database,
      usable,
      lookUpBy: (ledger) => lookUpBy(shared, ledger),
      meter,
      breathe: async () => signal.throwIfAborted(),
      pack: { packSize, level: codec === "none" ? undefined : level, keyed },
    });
  }

  /** The manifest has no other dumps. */
  #keep(): void {
    const inChunks = this.snapshots.filter(({ key }) => key === undefined);
    keepDumps(
      this.#deps.database,
      inChunks.map(({ snapshotter }) => snapshotter),
    );
  }

  #lost(): Set<string> {
    const { database, plan } = this.#deps;
    const expiring = new ObjectTable(database).idsExpiringBefore(plan.minimumLockEnd);
    const rows = new FileTable(database, "dumps");
    const isLost = ({ snapshotter, key }: SnapshotRef) => {
      if (key !== undefined) return false;
      const path = dumpPath(snapshotter);
      for (const { extents } of [rows.get(path) ?? { extents: null }, ...rows.segmentsOf(path)])
        if (extents !== null && restsOn(extents, expiring)) return true;
      return false;
    };
    return new Set(this.snapshots.filter(isLost).map(({ snapshotter }) => snapshotter));
  }
}
