import { resolve } from "node:path";
import { type BackupArgs, backupArgs, backupOptions, subcommand, type Words } from "../subcommand.ts";

export type CostArgs = BackupArgs & {
  /** Whose backups; the configured name where undefined. */
  readonly of: string | undefined;
  /** Absolute; the built-in prices where undefined. */
  readonly pricesFile: string | undefined;
};

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
  () => import("../cost.ts"),
);

function costArgs(words: Words): CostArgs {
  const prices = words.value("prices");
  return {
    ...backupArgs(words),
    of: words.operands[0],
    pricesFile: prices === undefined ? undefined : resolve(prices),
  };
}
