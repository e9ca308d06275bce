import { accessOptions, identityOption, keyfileOption } from "../../shared/access.ts";
import { subcommand } from "../../subcommand.ts";
import { type CatArgs, catArgs } from "./arguments.ts";

export const cat = subcommand<CatArgs>(
  {
    name: "cat",
    operands: "<manifest> <path>",
    operandsArePaths: true,
    summary: "Write one file of a backup, or a database dump, to stdout",
    details: [
      "<manifest> is named as for restore. <path> is absolute, and may lead through links of the backup; a word without a",
      "slash is the name of a database dump, as `sysbackup show` lists them. No byte is written before it is verified.",
    ].join("\n"),
    options: [keyfileOption, identityOption, ...accessOptions],
    examples: [
      "sysbackup cat web1 /etc/fstab",
      "sysbackup cat web1@2026-11-20 /var/log/syslog | less",
      "sysbackup cat web1 sqlite-app > dump.sql",
    ],
  },
  catArgs,
  () => import("./run.ts"),
);
