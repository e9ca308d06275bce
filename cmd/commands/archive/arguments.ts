/** The arguments of `sysbackup archive`, parsed. */
import { type BackupArgs, backupArgs, type Words } from "../../subcommand.ts";

export type ArchiveArgs = BackupArgs & {
  /** Whether pickers and snapshotters that other users can change are run. */
  readonly insecurePickers: boolean;
};

export function archiveArgs(words: Words): ArchiveArgs {
  return { ...backupArgs(words), insecurePickers: words.given("insecure-pickers") };
}
