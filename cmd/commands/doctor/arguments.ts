/** The arguments of `sysbackup doctor`, parsed. */
import { type BackupArgs, backupArgs, type Words } from "../../subcommand.ts";

export type DoctorArgs = BackupArgs & {
  /** Base name of service and timer; that of the machine's role if undefined. */
  readonly unit: string | undefined;
};

export function doctorArgs(words: Words): DoctorArgs {
  return { ...backupArgs(words), unit: words.value("systemd-unit") };
}
