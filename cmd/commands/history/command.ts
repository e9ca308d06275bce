import { accessOptions, identityOption, keyfileOption } from "../../shared/access.ts";
import { subcommand } from "../../subcommand.ts";
import { type HistoryArgs, historyArgs } from "./arguments.ts";

export const history = subcommand<HistoryArgs>(
  {
    name: "history",
    operands: "<path>",
    operandsArePaths: true,
    summary: "Show which backups hold which version of a path",
    details: [
      "Goes through the backups of one name, oldest first. A line stands for backups in a row that have the same of the",
      "<path>, and begins with the last of them.",
    ].join("\n"),
    options: [keyfileOption, identityOption, ...accessOptions],
    examples: ["sysbackup history /etc/fstab", "sysbackup history /home/alice/plan.odt --name web1 --json"],
  },
  historyArgs,
  () => import("./run.ts"),
);
