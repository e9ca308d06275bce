/**
 * A machine to back up, all in one scratch folder: files, a picker that finds them all, a bucket, a state folder, and a clock. The
 * clock stands still but for what a test adds to `ahead`, and a millisecond for each run, so that no test depends on when a second ends.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ArchiveSummary, archive } from "../../../core/archive/archive.ts";
import type { ArchiveJob } from "../../../core/archive/job.ts";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { type Counts, count, noCounts } from "../../../core/bucket/decorators/count.ts";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import type { Config } from "../../../core/config/config.ts";
import type { Table } from "../../../core/table/contract.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { type Backup, readBackup } from "./backup.ts";
import { notebook, script } from "./scripts.ts";

export const day = 24 * 60 * 60 * 1000;

const content: Config["content"] = {
  lockTimeout: 0,
  daysRetained: 30,
  layout: "packs",
  compression: "zstd",
  compressionLevel: 3,
  packSize: 16 * 1024 ** 2,
  repackBelow: 0.4,
  follow: "all",
  shareWith: [],
  believeVerified: true,
  pickerTimeout: 60_000,
  snapshotTimeout: 60_000,
  lockMode: "GOVERNANCE",
  workers: 2,
};

export type RigRun = {
  readonly summary: ArchiveSummary;
  readonly backup: Backup;
  /** Notices as `level code: message`. */
  readonly heard: readonly string[];
  readonly counts: Counts;
};

export type RunOptions = {
  readonly content?: Partial<Config["content"]>;
  readonly bundles?: Config["bundles"];
  /** The table of the chunk index. */
  readonly table?: Table;
  /** Backup name; each has a state database of its own. */
  readonly name?: string;
  /** Put around the bucket, for scripted faults. */
  readonly around?: (bucket: Bucket) => Bucket;
  readonly job?: Partial<ArchiveJob>;
};

type JobOptions = Pick<ArchiveJob, "bucket" | "pickersDir" | "snapshotsDir" | "now" | "notify"> & {
  /** The backup name. */
  readonly name: string;
  readonly stateDir: string;
  readonly content: Partial<Config["content"]>;
  readonly bundles?: Config["bundles"];
  readonly table?: Table | undefined;
} & Partial<ArchiveJob>;

/** A job with defaults for everything that a test does not care about. */
export function jobFor({ name, stateDir, content: settings, bundles = [], table, ...job }: JobOptions): ArchiveJob {
  return {
    config: {
      aws: { profile: undefined, credentialsFile: undefined, roleArn: undefined },
      s3: {
        bucket: job.bucket.url,
        endpoint: undefined,
        region: undefined,
        pathStyle: false,
        maxRequests: 50,
        uploadLimit: [],
        downloadLimit: [],
      },
      cloudformation: { region: undefined, export: "backup-bucket" },
      content: { ...content, ...settings },
      backup: { name, stateDir, passEnvironment: ["all"] },
      index: { dynamodbTable: table?.name },
      dynamodb: { region: undefined, endpoint: undefined },
      bundles,
    },
    openTable: () => {
      if (table === undefined) throw new Error("no table is configured");
      return table;
    },
    host: "machine",
    bundlesOnly: false,
    adoptBundles: false,
    insecurePickers: false,
    environment: {},
    filters: [],
    tool: "sysbackup test",
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    sleep: Bun.sleep,
    progress: () => {},
    signal: new AbortController().signal,
    ...job,
  };
}

export class Rig implements AsyncDisposable {
  readonly #made = Date.now();
  readonly #dispose: () => PromiseLike<void>;

  /** How far the clock is ahead of when the rig was made, in milliseconds. A minute, so that files written just now count as settled. */
  ahead = 60_000;

  private constructor(
    readonly path: string,
    readonly bucket: Bucket,
    clock: { now: () => Date },
    dispose: () => PromiseLike<void>,
  ) {
    this.#dispose = dispose;
    clock.now = this.now;
  }

  /** `above`: the folder in which to make it, if the filesystem matters. */
  static async make(above?: string): Promise<Rig> {
    const folder = await scratch(above);
    for (const name of ["files", "bucket", "state", "pickers.d", "snapshots.d"]) await mkdir(join(folder.path, name));
    await script(join(folder.path, "pickers.d"), "all", `find '${folder.path}/files' -print0`);
    const clock = { now: () => new Date() };
    const bucket = await openDirectoryBucket(join(folder.path, "bucket"), {
      now: () => clock.now(),
      random: Math.random,
    });
    return new Rig(folder.path, bucket, clock, () => folder[Symbol.asyncDispose]());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
  }

  readonly now = (): Date => new Date(this.#made + this.ahead);

  /** Where a file of the machine lies, or anything else of the rig by its name there: `state`, `pickers.d`. */
  file(...names: string[]): string {
    return join(this.path, "files", ...names);
  }

  async write(name: string, text: string | Uint8Array): Promise<void> {
    await mkdir(dirname(this.file(name)), { recursive: true });
    await writeFile(this.file(name), text);
  }

  statePath(name = "host"): string {
    return join(this.path, "state", `${name}.sqlite`);
  }

  job(heard: ArchiveJob["notify"], bucket: Bucket, options: RunOptions = {}): ArchiveJob {
    this.ahead += 1;
    return jobFor({
      bucket,
      name: options.name ?? "host",
      stateDir: join(this.path, "state"),
      content: options.content ?? {},
      table: options.table,
      ...(options.bundles && { bundles: options.bundles }),
      pickersDir: join(this.path, "pickers.d"),
      snapshotsDir: join(this.path, "snapshots.d"),
      now: this.now,
      notify: heard,
      ...options.job,
    });
  }

  async run(options: RunOptions = {}): Promise<RigRun> {
    const { heard, notify } = notebook();
    const counts = noCounts();
    const counted = count(this.bucket, counts);
    const summary = await archive(this.job(notify, options.around?.(counted) ?? counted, options));
    const backup = await readBackup(this.bucket, summary.key, summary.version);
    return { summary, backup, heard, counts };
  }

  /** Keys of all objects, those of one kind by its prefix. */
  async keys(prefix = ""): Promise<string[]> {
    return (await Array.fromAsync(this.bucket.list(prefix))).flat().map(({ key }) => key);
  }

  /** Paths of the backup's entries that lie in the machine's files, relative to them. */
  names(backup: Backup): string[] {
    const start = `${this.path}/files/`;
    return [...backup.entries.keys()].filter((path) => path.startsWith(start)).map((path) => path.slice(start.length));
  }
}
