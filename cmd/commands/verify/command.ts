import { accessOptions } from "../../shared/access.ts";
import { subcommand } from "../../subcommand.ts";
import { type VerifyArgs, verifyArgs } from "./arguments.ts";

export const verify = subcommand<VerifyArgs>(
  {
    name: "verify",
    operands: "[manifest]",
    summary: "Check that backups are there, locked as promised, and sound",
    details: [
      "[manifest] is named as for restore; the newest backup of this machine where none is given. By default, every",
      "object is looked up: version, size, encoding, lock. Exit status: 0 all well; 3 locks are not as promised;",
      "4 damage found.",
    ].join("\n"),
    options: [
      { flag: "--all", help: "Every backup of the name, or of every name where none is given" },
      {
        flag: "--read-data [part]",
        help: "Read and hash content too: all, a slice (2/7, or /7 for today's), or a share at random (5%)",
        value: /^\d*\/\d+$|^\d+(?:\.\d+)?%$/,
      },
      { flag: "--live", help: "Compare with this machine's files; with --read-data, their content too" },
      { flag: "--html <file>", help: "Write a page with plots, too" },
      ...accessOptions,
    ],
    examples: [
      "sysbackup verify",
      "sysbackup verify web1@2026-11-20 --read-data",
      "sysbackup verify --all --read-data /7 --html /var/www/backups.html",
      "sysbackup verify --live",
    ],
  },
  verifyArgs,
  () => import("./run.ts"),
);
