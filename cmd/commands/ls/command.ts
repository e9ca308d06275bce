import { accessOptions, identityOption, keyfileOption } from "../../shared/access.ts";
import { print0Option } from "../../shared/print0.ts";
import { subcommand } from "../../subcommand.ts";
import { type LsArgs, lsArgs } from "./arguments.ts";

export const ls = subcommand<LsArgs>(
  {
    name: "ls",
    operands: "<manifest> [path]",
    operandsArePaths: true,
    summary: "List a folder of a backup",
    details: [
      "<manifest> is named as for restore, [path] is absolute; by default /. A folder comes after what is in it.",
      "Names with unusual bytes are shown as $'…', as shells take them.",
    ].join("\n"),
    options: [
      { flag: "-l, --long", help: "Also mode, owner, size and time; of a folder, the size of all that lies below it" },
      { flag: "--recursive", help: "List all that lies below" },
      print0Option,
      keyfileOption,
      identityOption,
      ...accessOptions,
    ],
    examples: [
      "sysbackup ls web1 /etc",
      "sysbackup ls web1@2026-11-20 /home -l",
      "sysbackup ls web1 /home/alice --recursive --json",
    ],
  },
  lsArgs,
  () => import("./run.ts"),
);
