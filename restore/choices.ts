/** What a user may choose. */

import type { Patterns } from "./choosing/select.ts";
import type { Removal } from "./exact-copy/removal.ts";
import type { FindReplacements } from "./report/salvage.ts";
import type { Overwrite } from "./target/overwriting.ts";

/** What of a backup is restored, and how. */
export type RestoreChoices = {
  /** What of the paths is restored: all, unless stated. */
  readonly patterns?: Patterns | undefined;
  /** Steps to take off the beginning of paths: 0 unless stated. */
  readonly strip?: number | undefined;
  /** What may be done to files that are there: `if-changed` unless stated. */
  readonly overwrite?: Overwrite | undefined;
  /** How what the backup does not have is removed; if undefined, it stays. */
  readonly removal?: Removal | undefined;
  /** Absolute path of a folder that may have content already, laid out as the target. */
  readonly fromLocal?: string | undefined;
  /** Takes lost content from other backups. */
  readonly salvage?: FindReplacements | undefined;
};
