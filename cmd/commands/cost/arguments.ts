/** The arguments of `sysbackup cost`, parsed. */
import { type BackupArgs, backupArgs, type Words } from "../../subcommand.ts";

export type CostArgs = BackupArgs & {
  /** Name whose backups are priced; the configured name if undefined. */
  readonly wantedName: string | undefined;
  /** Absolute path; the built-in prices if undefined. */
  readonly pricesFile: string | undefined;
};

export function costArgs(words: Words): CostArgs {
  return {
    ...backupArgs(words),
    wantedName: words.operands[0],
    pricesFile: words.path("prices"),
  };
}
