import { type BackupArgs, backupArgs, backupOptions, subcommand } from "../../subcommand.ts";

export const archive = subcommand<BackupArgs>(
  {
    name: "archive",
    operands: "",
    summary: "Back up what the pickers and snapshotters choose",
    options: backupOptions,
    examples: [
      "sysbackup archive",
      "sysbackup archive --conf-dir /etc/backup-hourly --name web1-hourly",
      "sysbackup archive --bucket file:///mnt/usb/backups",
    ],
  },
  backupArgs,
  () => import("./run.ts"),
);
