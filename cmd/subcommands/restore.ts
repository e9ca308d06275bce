import { resolve } from "node:path";
import { nearest } from "../../core/config/nearest.ts";
import { exitStatus, Failure } from "../../core/failure.ts";
import { type BackupArgs, backupArgs, backupOptions, subcommand, type Words } from "../subcommand.ts";

/** What happens to the snapshots of a backup: asked one by one, stored as files, replayed, left out. */
export const snapshotChoices = ["ask", "fetch", "run", "skip"] as const;
export type SnapshotChoice = (typeof snapshotChoices)[number];

export type RestoreArgs = BackupArgs & {
  /** A backup name, `name@time`, a key, or a local file. */
  readonly manifest: string;
  /** Absolute paths as in the backup; empty for everything. */
  readonly paths: readonly string[];
  readonly target: string;
  readonly numericOwner: boolean;
  readonly snapshots: SnapshotChoice;
};

export const restore = subcommand<RestoreArgs>(
  {
    name: "restore",
    operands: "<manifest> [...paths]",
    summary: "Bring back a backup, or some paths of it",
    details: [
      "<manifest> is a backup name (its newest backup), name@time (the newest until then, as in web1@2026-11-20),",
      "a key in the bucket, or a local file. Without paths, everything comes back. Files that are as the backup has",
      "them are left alone, so a restore that was stopped goes on when run again.",
    ].join("\n"),
    options: [
      { flag: "--target <dir>", help: "Folder to restore into", default: "/" },
      { flag: "--numeric-owner", help: "Owners by number, not by name" },
      { flag: "--snapshots <what>", help: `Replay snapshots: ${snapshotChoices.join(", ")}`, default: "ask" },
      ...backupOptions,
    ],
    examples: [
      "sysbackup restore web1 --target /mnt",
      "sysbackup restore web1@2026-11-20 /etc/fstab /home/alice --target /tmp/look",
      "sysbackup restore web1 --bucket s3://example-backups --snapshots run",
    ],
  },
  restoreArgs,
  () => import("../restore.ts"),
);

function restoreArgs(words: Words): RestoreArgs {
  const [manifest = "", ...paths] = words.operands;
  return {
    ...backupArgs(words),
    manifest,
    paths,
    target: resolve(words.value("target") ?? ""),
    numericOwner: words.given("numeric-owner"),
    snapshots: snapshotChoice(words.value("snapshots") ?? ""),
  };
}

function snapshotChoice(written: string): SnapshotChoice {
  const choice = snapshotChoices.find((known) => known === written);
  if (choice) return choice;
  const near = nearest(written, snapshotChoices);
  throw new Failure({
    doing: "use --snapshots",
    what: written,
    why: `known are ${snapshotChoices.join(", ")}`,
    ...(near && { remedy: `did you mean ${near}?` }),
    exit: exitStatus.usage,
  });
}
