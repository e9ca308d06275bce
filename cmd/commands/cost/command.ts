import { backupOptions, subcommand } from "../../subcommand.ts";
import { type CostArgs, costArgs } from "./arguments.ts";

export const cost = subcommand<CostArgs>(
  {
    name: "cost",
    operands: "[name]",
    summary: "Show what the backups of a name cost: a run, a month, a full restore",
    details:
      "In requests, storage and transfer, side by side with one object a file, from a price table with date and source.",
    options: [
      { flag: "--prices <file>", help: "Your provider's prices, as docs/cost.md shows, instead of those of AWS" },
      ...backupOptions,
    ],
    examples: ["sysbackup cost", "sysbackup cost web1 --prices prices.yaml --json"],
  },
  costArgs,
  () => import("./run.ts"),
);
