import { accessOptions, identityOption } from "../../shared/access.ts";
import { subcommand } from "../../subcommand.ts";
import { type ShowArgs, showArgs } from "./arguments.ts";

export const show = subcommand<ShowArgs>(
  {
    name: "show",
    operands: "<manifest>",
    operandsArePaths: true,
    summary: "Show what a backup says of itself: dates, promises, database dumps, and its log",
    details:
      "<manifest> is named as for restore. Believes the backup: `sysbackup verify` checks that it is as it says.",
    options: [identityOption, ...accessOptions],
    examples: ["sysbackup show web1", "sysbackup show web1@2026-11-20 --json"],
  },
  showArgs,
  () => import("./run.ts"),
);
