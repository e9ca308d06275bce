import { backupOptions, subcommand } from "../../subcommand.ts";
import { type CostArgs, costArgs } from "./arguments.ts";

export const cost = subcommand<CostArgs>(
  {
    name: "cost",
    operands: "[name]",
    summary: "Show what the backups of a name cost: a run, a month, a full restore",
    details: "Counts requests, storage and transfer, beside one object a file, by a price table with date and source.",
    options: [
      {
        flag: "--prices <file>",
        help: "Prices of your provider instead of AWS; docs/cost.md shows the form",
        isPath: true,
      },
      ...backupOptions,
    ],
    examples: ["sysbackup cost", "sysbackup cost web1 --prices prices.yaml --json"],
  },
  costArgs,
  () => import("./run.ts"),
);
