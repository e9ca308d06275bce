import { accessOptions, keyfileOption } from "../../shared/access.ts";
import { subcommand } from "../../subcommand.ts";
import { type RestoreArgs, restoreArgs, snapshotChoices } from "./arguments.ts";

export const restore = subcommand<RestoreArgs>(
  {
    name: "restore",
    operands: "[manifest] [...paths]",
    operandsArePaths: true,
    summary: "Restore a backup, or some paths of it",
    details: [
      "[manifest] is a backup name (its newest backup), name@time (the newest until then, as in web1@2026-11-20),",
      "a key in the bucket, or a local file. Without it, lists the backups and asks which. Without paths, restores",
      "everything. Without --target, it asks before it replaces files of the running system. Files that are as in the",
      "backup are left alone, so an interrupted restore continues when run again.",
      "See docs/recovery.md for the worst day, when the machine is gone.",
    ].join("\n"),
    options: [
      { flag: "--target <dir>", help: "Folder to restore into", default: "/", isPath: true },
      {
        flag: "--files-from <file>",
        help: "Restore the paths in this file, one a line or ended by NUL bytes; /dev/stdin for a pipe",
        isPath: true,
      },
      { flag: "--yes", help: "Without --target: replace files of this running system without asking" },
      { flag: "--numeric-owner", help: "Set owners by number, not by name" },
      {
        flag: "--snapshots <what>",
        help: `What to do with database dumps: ${snapshotChoices.join(", ")}`,
        default: "ask",
      },
      {
        flag: "--thaw <speed>",
        help: "Thaw what lies in archive tiers, wait for it, and restore: bulk (cheapest), standard, expedited",
      },
      { flag: "--resume", help: "Go on with the restore that waits for thawing" },
      keyfileOption,
      ...accessOptions,
    ],
    examples: [
      "sysbackup restore web1 --target /mnt",
      "sysbackup restore web1@2026-11-20 /etc/fstab /home/alice --target /tmp/look",
      "sysbackup find '*.odt' web1 --print0 | sysbackup restore web1 --files-from /dev/stdin --target /tmp/look",
      "sysbackup restore web1 /srv/photos/2019 --thaw bulk --target /mnt",
      "sysbackup restore web1 --bucket s3://example-backups --snapshots run",
      "sysbackup restore --cf-region eu-central-1 --export backup-bucket --mfa --target /mnt",
    ],
  },
  restoreArgs,
  () => import("./run.ts"),
);
