/** What the command line says, typed, for each subcommand. */
import type { Policy } from "../core/steward/policy.ts";

export type CommonArgs = {
  readonly confDir: string;
  /** Overrides `[backup] name`; not yet checked, `loadConfig` does. */
  readonly name: string | undefined;
  /** Overrides `[s3] bucket`; likewise. */
  readonly bucket: string | undefined;
};

export type ArchiveArgs = CommonArgs;

/** What happens to the snapshots of a backup: asked one by one, stored as files, replayed, left out. */
export const snapshotChoices = ["ask", "fetch", "run", "skip"] as const;
export type SnapshotChoice = (typeof snapshotChoices)[number];

export type RestoreArgs = CommonArgs & {
  /** A backup name, `name@time`, a key, or a local file. */
  readonly manifest: string;
  /** Absolute paths as in the backup; empty for everything. */
  readonly paths: readonly string[];
  readonly target: string;
  readonly numericOwner: boolean;
  readonly snapshots: SnapshotChoice;
};

export type ListArgs = CommonArgs & { /** All backup names where undefined. */ readonly of: string | undefined };

export type VerifyArgs = CommonArgs & {
  /** As for restore. Without it, the newest of the configured name; with `all`, every backup of every name. */
  readonly manifest: string | undefined;
  /** Every backup of the name. */
  readonly all: boolean;
  /** What is to be read, as written (`n/t`, `p%`); empty for all, undefined for nothing. */
  readonly readData: string | undefined;
  /** Compare with this machine's files instead of looking into the bucket. */
  readonly live: boolean;
  /** Where a page is to be written. */
  readonly html: string | undefined;
};

export type PruneArgs = CommonArgs & {
  /** Whose backups; all names where undefined. */
  readonly of: string | undefined;
  readonly policy: Policy;
  readonly dryRun: boolean;
};

export type RenewArgs = CommonArgs & {
  /** Whose backups; all names where undefined. */
  readonly of: string | undefined;
  /** Undefined: nothing is renewed; then `staleDays` is given. */
  readonly policy: Policy | undefined;
  /** How long from now; as each manifest promised where undefined. */
  readonly days: number | undefined;
  readonly staleDays: number | undefined;
};

export type CostArgs = CommonArgs & {
  /** Whose backups; the configured name where undefined. */
  readonly of: string | undefined;
  /** Absolute; the built-in prices where undefined. */
  readonly pricesFile: string | undefined;
};

export type QuickstartArgs = CommonArgs;
