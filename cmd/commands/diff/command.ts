import { accessOptions, identityOption, keyfileOption } from "../../shared/access.ts";
import { subcommand } from "../../subcommand.ts";
import { type DiffArgs, diffArgs } from "./arguments.ts";

export const diff = subcommand<DiffArgs>(
  {
    name: "diff",
    operands: "<before> [after]",
    operandsArePaths: true,
    summary: "Show how one backup differs from another, or from this machine",
    details: [
      "<before> and [after] are named as for restore. + is added, - removed, ~ changed, ? unreadable. A folder's times are",
      "not compared, since they follow from what is in it. The exit status does not say whether anything differs.",
    ].join("\n"),
    options: [
      { flag: "--live", help: "Compare with this machine's files, by size, time, mode and owner" },
      keyfileOption,
      identityOption,
      ...accessOptions,
    ],
    examples: [
      "sysbackup diff web1@2026-11-20 web1",
      "sysbackup diff web1@2026-11-20 web1@2026-11-21 --json",
      "sysbackup diff web1 --live",
    ],
  },
  diffArgs,
  () => import("./run.ts"),
);
