import { accessOptions, identityOption, keyfileOption } from "../../shared/access.ts";
import { print0Option } from "../../shared/print0.ts";
import { subcommand } from "../../subcommand.ts";
import { type FindArgs, findArgs } from "./arguments.ts";

export const find = subcommand<FindArgs>(
  {
    name: "find",
    operands: "<pattern> [manifest]",
    operandsArePaths: true,
    summary: "Find paths by a pattern in all backups of this machine, or in one",
    details: [
      "A <pattern> without a slash is compared with names, one with a slash with whole paths: *.odt, /home/*/.ssh/**.",
      "Shows each version of a path once, in the newest backup that has it. [manifest] is named as for restore.",
    ].join("\n"),
    options: [
      { flag: "--all", help: "Search the backups of every name, not only of one" },
      print0Option,
      keyfileOption,
      identityOption,
      ...accessOptions,
    ],
    examples: [
      "sysbackup find '*.odt'",
      "sysbackup find '/home/alice/**/plan*' --name web1 --json",
      "sysbackup find id_ed25519 web1@2026-11-20",
    ],
  },
  findArgs,
  () => import("./run.ts"),
);
