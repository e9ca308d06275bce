import { accessOptions, identityOption, keyfileOption } from "../../shared/access.ts";
import { allowUntrustedOption, trustOption } from "../../shared/signing.ts";
import { subcommand } from "../../subcommand.ts";
import { overwriteChoices, type RestoreArgs, restoreArgs, snapshotChoices } from "./arguments.ts";

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
      "See docs/restoring.md for tasks by example, and docs/recovery.md for the day when the machine is gone.",
    ].join("\n"),
    options: [
      { flag: "--target <dir>", help: "Folder to restore into", default: "/", isPath: true },
      {
        flag: "--files-from <file>",
        help: "Restore the paths in this file, one a line or ended by NUL bytes; - for a pipe",
        isPath: true,
      },
      {
        flag: "--include <pattern>",
        help: "Restore only what matches, as in a .gitignore: *.odt, /etc/ssh/, !*.bak; repeat as needed",
        isPath: true,
        repeats: true,
      },
      {
        flag: "--exclude <pattern>",
        help: "Leave out what matches, in the same syntax; repeat as needed",
        isPath: true,
        repeats: true,
      },
      {
        flag: "--from-local <dir>",
        help: "Take content that an older copy in this folder has, instead of fetching it",
        isPath: true,
      },
      { flag: "--strip-components <n>", help: "Take so many folders off the beginning of paths", default: "0" },
      {
        flag: "--overwrite <when>",
        help: `When to replace what is there: ${overwriteChoices.join(", ")}`,
        default: "if-changed",
      },
      { flag: "--delete", help: "Remove what the backup does not have, for an exact copy; asks before it does" },
      { flag: "--dry-run", help: "Only show what would be created (+), changed (~) and removed (-)" },
      { flag: "--to-stdout", help: "Write a tar to stdout instead of restoring into a folder" },
      {
        flag: "--salvage",
        help: "Take lost content from other backups; if none has it, another version of the file",
      },
      {
        flag: "--report <file>",
        help: "Write what was done with each file, and what was lost, to a new file (JSON lines)",
        isPath: true,
      },
      {
        flag: "--yes",
        help: "Do without asking: replace files of this system, --delete, --snapshots run, pay for --thaw",
      },
      { flag: "--numeric-owner", help: "Set owners by number, not by name" },
      {
        flag: "--snapshots <what>",
        help: `What to do with database dumps: ${snapshotChoices.join(", ")}`,
        default: "ask",
      },
      {
        flag: "--thaw <speed>",
        help: "Thaw what lies in archive tiers, after asking: bulk (cheapest), standard, expedited",
      },
      { flag: "--resume", help: "Go on with the restore that waits for thawing" },
      keyfileOption,
      identityOption,
      trustOption,
      allowUntrustedOption,
      ...accessOptions,
    ],
    examples: [
      "sysbackup restore web1 --target /mnt",
      "sysbackup restore web1@2026-11-20 /etc/fstab /home/alice --target /tmp/look",
      "sysbackup find '*.odt' web1 --print0 | sysbackup restore web1 --files-from - --target /tmp/look",
      "sysbackup restore web1 /srv/photos/2019 --thaw bulk --target /mnt",
      "sysbackup restore web1 --target /mnt --exclude /var/cache/ --exclude '*.iso' --dry-run",
      "sysbackup restore web1 /home/alice --to-stdout | ssh alice@laptop tar x --acls --xattrs",
      "sysbackup restore web1 --bucket s3://example-backups --snapshots run --yes",
      "sysbackup restore --cf-region eu-central-1 --export backup-bucket --mfa --target /mnt",
    ],
  },
  restoreArgs,
  () => import("./run.ts"),
);
