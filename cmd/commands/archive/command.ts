import { backupOptions, subcommand } from "../../subcommand.ts";
import { type ArchiveArgs, archiveArgs } from "./arguments.ts";

export const archive = subcommand<ArchiveArgs>(
  {
    name: "archive",
    operands: "",
    summary: "Back up what the pickers and snapshotters choose",
    options: [
      { flag: "--insecure-pickers", help: "Also run pickers and snapshotters that other users can change" },
      ...backupOptions,
    ],
    examples: [
      "sysbackup archive",
      "sysbackup archive --conf-dir /etc/backup-hourly --name web1-hourly",
      "sysbackup archive --bucket file:///mnt/usb/backups",
    ],
  },
  archiveArgs,
  () => import("./run.ts"),
);
