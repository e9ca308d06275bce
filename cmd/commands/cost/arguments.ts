/** The arguments of `sysbackup cost`, parsed. */
import { resolve } from "node:path";
import { type BackupArgs, backupArgs, type Words } from "../../subcommand.ts";

export type CostArgs = BackupArgs & {
  /** Whose backups; the configured name where undefined. */
  readonly of: string | undefined;
  /** Absolute; the built-in prices where undefined. */
  readonly pricesFile: string | undefined;
};

export function costArgs(words: Words): CostArgs {
  const prices = words.value("prices");
  return {
    ...backupArgs(words),
    of: words.operands[0],
    pricesFile: prices === undefined ? undefined : resolve(prices),
  };
}
