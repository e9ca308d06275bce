/**
 * The command line, declared: each file of `subcommands/` has the options, help and arguments of one, and says which file does the work.
 * Those are imported when they run, so that `--help` loads none of them.
 */
import type { Option, Subcommand } from "./subcommand.ts";
import { archive } from "./subcommands/archive.ts";
import { cost } from "./subcommands/cost.ts";
import { createResources } from "./subcommands/create-resources.ts";
import { doctor } from "./subcommands/doctor.ts";
import { list } from "./subcommands/list.ts";
import { prune } from "./subcommands/prune.ts";
import { quickstart } from "./subcommands/quickstart.ts";
import { renew } from "./subcommands/renew.ts";
import { restore } from "./subcommands/restore.ts";
import { updateResources } from "./subcommands/update-resources.ts";
import { verify } from "./subcommands/verify.ts";
import { writeConfig } from "./subcommands/write-config.ts";

export const program: Pick<Subcommand, "summary" | "details"> = {
  summary: "Back up a Linux system to S3 buckets with Object Lock, and bring it back",
  details:
    "Each subcommand has its own --help. Exit status: 0 done; 1 failed; 2 bad usage or configuration;\n3 done, but incomplete; 4 damage found; 130 interrupted.",
};

export const commonOptions: readonly Option[] = [{ flag: "--json", help: "Print results as JSON" }];

/** In the order in which `--help` lists them. */
export const subcommands: readonly Subcommand[] = [
  archive,
  restore,
  list,
  verify,
  prune,
  renew,
  cost,
  createResources,
  updateResources,
  writeConfig,
  doctor,
  quickstart,
];
