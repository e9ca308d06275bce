import { type BackupArgs, backupArgs, backupOptions, subcommand } from "../../subcommand.ts";

export const quickstart = subcommand<BackupArgs>(
  {
    name: "quickstart",
    operands: "",
    summary: "Try it out: back up this machine's /etc to a folder, list, verify, restore to a scratch folder, compare",
    options: backupOptions,
    examples: ["sysbackup quickstart"],
  },
  backupArgs,
  () => import("./run.ts"),
);
