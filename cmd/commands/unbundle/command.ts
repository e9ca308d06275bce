import { accessOptions, keyfileOption } from "../../shared/access.ts";
import { subcommand } from "../../subcommand.ts";
import { type UnbundleArgs, unbundleArgs } from "./arguments.ts";

export const unbundle = subcommand<UnbundleArgs>(
  {
    name: "unbundle",
    operands: "<action> [prefix]",
    summary: "List, verify or restore what the bundling script before this program has stored",
    details: [
      "<action> is list, verify or restore; [prefix] is what keys begin with, by default all. The newest version of",
      "each key counts. Bundles of this program are in backups: see list, verify and restore. See docs/bundling.md.",
    ].join("\n"),
    options: [
      { flag: "--target <dir>", help: "Folder to restore into", isPath: true },
      {
        flag: "--thaw <speed>",
        help: "For restore: thaw what is frozen, after asking: bulk (cheapest), standard, expedited",
      },
      { flag: "--yes", help: "Pay for --thaw without asking" },
      { flag: "--numeric-owner", help: "Set owners by number, not by name" },
      {
        flag: "--dynamodb-table-name <table>",
        help: "Take what this table says is stored, and its MD5, instead of all keys",
      },
      keyfileOption,
      ...accessOptions,
    ],
    examples: [
      "sysbackup unbundle list --bucket example-backups",
      "sysbackup unbundle verify srv/photos/ --keyfile /root/backup.key",
      "sysbackup unbundle restore srv/photos/2019 --keyfile /root/backup.key --target /mnt",
    ],
  },
  unbundleArgs,
  () => import("./run.ts"),
);
