/** What a run of archive needs. */
import type { Bucket } from "../bucket/contract.ts";
import type { Config } from "../config/config.ts";
import type { Keyed } from "../format/codecs/keyed.ts";
import type { SigningKey } from "../format/ssh/ssh-key.ts";
import type { Notify } from "../notice.ts";
import type { Table } from "../table/contract.ts";
import type { Environment } from "./executables/environment.ts";

export type ArchiveJob = {
  readonly config: Config;
  readonly bucket: Bucket;
  /** Opens a table of DynamoDB that the configuration names. Makes no request. */
  readonly openTable: (name: string) => Table;
  readonly pickersDir: string;
  readonly snapshotsDir: string;
  /** Stores the bundles of `config`, and neither files nor dumps. */
  readonly bundlesOnly: boolean;
  /** Takes up bundles that the script before this program has stored, sealed with the keyfiles of `config`. */
  readonly adoptBundles: boolean;
  /** Runs pickers and snapshotters that other users can change, too. */
  readonly insecurePickers: boolean;
  /** Variables of the run; pickers and snapshotters get those that `config` lets them have. */
  readonly environment: Environment;
  readonly host: string;
  /** Names of the filters over all objects with content or names. */
  readonly filters: readonly string[];
  /** Seals the backup: names and digests are only in sealed objects, and what is in keys and index is made with a secret. */
  readonly keyed?: Keyed | undefined;
  /** Signs the root, if it is to be signed. */
  readonly signingKey?: SigningKey | undefined;
  /** Name and version of the program, for the manifest. */
  readonly tool: string;
  readonly now: () => Date;
  readonly random: (length: number) => Uint8Array;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly notify: Notify;
  readonly progress: (files: number, totalFiles: number, bytes: number) => void;
  readonly signal: AbortSignal;
};
