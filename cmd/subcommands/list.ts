import { type BackupArgs, backupArgs, backupOptions, subcommand } from "../subcommand.ts";

export type ListArgs = BackupArgs & { /** All backup names where undefined. */ readonly of: string | undefined };

export const list = subcommand<ListArgs>(
  {
    name: "list",
    operands: "[name]",
    summary: "Show the backups in the bucket, or those of one backup name",
    options: backupOptions,
    examples: ["sysbackup list", "sysbackup list web1 --json"],
  },
  (words): ListArgs => ({ ...backupArgs(words), of: words.operands[0] }),
  () => import("../list.ts"),
);
