import { backupOptions, subcommand } from "../../subcommand.ts";
import { type BundleArgs, bundleArgs } from "./arguments.ts";

export const bundle = subcommand<BundleArgs>(
  {
    name: "bundle",
    operands: "[...sections]",
    summary: "Store folders as cold archives, one tar each, if they changed",
    details: [
      "[...sections] are names of sections [bundle NAME] of conf; by default, all of them. `archive` stores them, too, with the",
      "files. With --backup-path, conf needs none. Options may have underscores for dashes. See docs/bundling.md.",
    ].join("\n"),
    options: [
      { flag: "--backup-path <dir>", help: "Folder to store" },
      { flag: "--depth <n>", help: "How many steps below it each bundle begins; 0: all of it is one" },
      { flag: "--compression-algorithm <name>", help: "zstd, gzip, bzip2 or xz (also called lzma)" },
      {
        flag: "--storage-class <class>",
        help: "STANDARD, STANDARD_IA, GLACIER_IR, GLACIER or DEEP_ARCHIVE; by default GLACIER",
      },
      { flag: "--prefix <prefix>", help: "Begins the keys of bundles" },
      { flag: "--keyfile <file>", help: "Seal with this file, which is made if it is missing" },
      {
        flag: "--adopt",
        help: "Take up what the script has stored, sealed with this keyfile, if it would be the same",
      },
      { flag: "--cache-path <dir>", help: "Not needed: nothing is written to disk on its way" },
      { flag: "--dynamodb-table-name <name>", help: "Note in this table what is stored" },
      ...backupOptions,
    ],
    examples: [
      "sysbackup bundle",
      "sysbackup bundle photos --conf-dir /etc/backup",
      "sysbackup bundle --backup-path /srv/photos --depth 1 --keyfile /root/backup.key --bucket example-backups",
    ],
  },
  bundleArgs,
  () => import("./run.ts"),
);
