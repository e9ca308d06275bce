/** A machine of the simulation: its files, its state database, its clock, and its daily archive. */
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type ArchiveSummary, archive } from "../../core/archive/archive.ts";
import type { Bucket } from "../../core/bucket/contract.ts";
import type { Config } from "../../core/config/config.ts";
import type { Notify } from "../../core/notice.ts";
import { jobFor } from "../core/archive/rig.ts";
import { script } from "../core/archive/scripts.ts";
import { Life } from "./life.ts";
import type { Chance } from "./random.ts";
import type { HostPlan, Scenario } from "./scenario.ts";
import { isWithin } from "./scenario.ts";

const minute = 60_000;

export type ArchiveOptions = {
  readonly bucket: Bucket;
  readonly now: () => Date;
  readonly chance: Chance;
  readonly notify: Notify;
  readonly signal: AbortSignal;
};

export class Host {
  readonly #home: string;
  readonly #content: Config["content"];

  readonly folder: string;
  readonly life: Life;
  /** Digests of its files, for `treeOf`. */
  readonly digests = new Map<string, string>();

  private constructor(
    readonly plan: HostPlan,
    home: string,
    content: Config["content"],
    seed: number,
  ) {
    this.#home = home;
    this.#content = content;

    this.folder = join(home, "files");
    this.life = new Life({ folder: this.folder, seed, databaseBytes: plan.databaseBytes });
  }

  static async make(plan: HostPlan, home: string, scenario: Scenario, seed: number): Promise<Host> {
    for (const name of ["files", "state", "pickers.d", "snapshots.d"]) mkdirSync(join(home, name), { recursive: true });
    const host = new Host(plan, home, contentOf(scenario), seed);
    await script(join(home, "pickers.d"), "all", `find '${host.folder}' -print0`);
    if (plan.dumps) await script(join(home, "snapshots.d"), "logs", `exec cat '${host.folder}'/var/log/cron >&"$1"`);
    return host;
  }

  isRunning(today: number): boolean {
    return !isWithin(today, this.plan.off) && !this.isDead(today);
  }

  isDead(today: number): boolean {
    return this.plan.dies !== undefined && today >= this.plan.dies;
  }

  /** What becomes of its state database this morning. */
  mishaps(today: number): void {
    const { losesState, setsStateBack } = this.plan;
    const [state, copy] = [join(this.#home, "state"), join(this.#home, "state.copy")];
    if (losesState.includes(today)) rmSync(state, { recursive: true });
    if (setsStateBack?.[0] === today) cpSync(state, copy, { recursive: true });
    if (setsStateBack?.[1] !== today) return;
    rmSync(state, { recursive: true });
    cpSync(copy, state, { recursive: true });
  }

  archive(today: number, { bucket, now, chance, notify, signal }: ArchiveOptions): Promise<ArchiveSummary> {
    const ahead = this.plan.clockAhead(today) * minute;
    return archive(
      jobFor({
        name: this.plan.name,
        stateDir: join(this.#home, "state"),
        content: this.#content,
        bucket,
        pickersDir: join(this.#home, "pickers.d"),
        snapshotsDir: join(this.#home, "snapshots.d"),
        host: this.plan.name,
        tool: "sysbackup simulation",
        now: () => new Date(now().getTime() + ahead),
        random: (length) => chance.bytes(length),
        notify,
        signal,
      }),
    );
  }
}

function contentOf({ daysRetained, packSize }: Scenario): Config["content"] {
  return {
    lockTimeout: 0,
    daysRetained,
    layout: "packs",
    compression: "zstd",
    compressionLevel: 1,
    packSize,
    repackBelow: 0.4,
    follow: "all",
    shareWith: ["*"],
    believeVerified: true,
    pickerTimeout: 60_000,
    snapshotTimeout: 60_000,
    lockMode: "GOVERNANCE",
    workers: 0,
  };
}
