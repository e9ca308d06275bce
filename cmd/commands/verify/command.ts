import { accessOptions, identityOption, keyfileOption } from "../../shared/access.ts";
import { trustOption } from "../../shared/signing.ts";
import { subcommand } from "../../subcommand.ts";
import { type VerifyArgs, verifyArgs } from "./arguments.ts";

export const verify = subcommand<VerifyArgs>(
  {
    name: "verify",
    operands: "[manifest]",
    operandsArePaths: true,
    summary: "Check that backups exist, are locked as promised, and are not damaged",
    details: [
      "[manifest] is named as for restore; by default, the newest backup of this machine. Looks up every object: version,",
      "size, encoding, lock. Exit status: 0 all well; 3 locks are not as promised; 4 damage found.",
    ].join("\n"),
    options: [
      { flag: "--all", help: "Verify every backup of the name, or of all names if none is given" },
      {
        flag: "--read-data [part]",
        help: "Also read all content, or new (unread so far), a slice (2/7; /7: today's), a share (5%)",
        value: /^new$|^\d*\/\d+$|^\d+(?:\.\d+)?%$/,
      },
      { flag: "--live", help: "Compare with this machine's files; with --read-data, also their content" },
      { flag: "--html <file>", help: "Also write a page with plots", isPath: true },
      keyfileOption,
      identityOption,
      {
        ...trustOption,
        help: "Report backups that no key in this file has signed (one a line: NAME ssh-ed25519 …)",
      },
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
