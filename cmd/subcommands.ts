/**
 * Lists the subcommands: each `commands/<name>/command.ts` has the options, help and arguments of one, and names the file
 * that does the work. That file is imported when it runs, so that `--help` loads none of them.
 */

import { archive } from "./commands/archive/command.ts";
import { bundle } from "./commands/bundle/command.ts";
import { cat } from "./commands/cat/command.ts";
import { cost } from "./commands/cost/command.ts";
import { createResources } from "./commands/create-resources/command.ts";
import { diff } from "./commands/diff/command.ts";
import { doctor } from "./commands/doctor/command.ts";
import { find } from "./commands/find/command.ts";
import { history } from "./commands/history/command.ts";
import { keygen } from "./commands/keygen/command.ts";
import { list } from "./commands/list/command.ts";
import { ls } from "./commands/ls/command.ts";
import { prune } from "./commands/prune/command.ts";
import { quickstart } from "./commands/quickstart/command.ts";
import { rebuildIndex } from "./commands/rebuild-index/command.ts";
import { renew } from "./commands/renew/command.ts";
import { restore } from "./commands/restore/command.ts";
import { show } from "./commands/show/command.ts";
import { unbundle } from "./commands/unbundle/command.ts";
import { updateResources } from "./commands/update-resources/command.ts";
import { verify } from "./commands/verify/command.ts";
import { writeConfig } from "./commands/write-config/command.ts";
import type { Option, Subcommand } from "./subcommand.ts";

export const program: Pick<Subcommand, "summary" | "details"> = {
  summary: "Back up a Linux system to S3 buckets with Object Lock, and restore it",
  details:
    "Each subcommand has its own --help. Exit status: 0 done; 1 failed; 2 bad usage or configuration;\n3 done, but incomplete; 4 damage found; 130 interrupted.",
};

export const commonOptions: readonly Option[] = [
  { flag: "--json", help: "Print results as JSON" },
  { flag: "-q, --quiet", help: "Print results, warnings and errors only" },
  { flag: "-v, --verbose", help: "Also print each step and request when it has ended" },
  {
    flag: "--trace <file>",
    help: "Write what the run does, and when, to a new file",
    isPath: true,
  },
];

/** All subcommands, in the order of `--help`. */
export const subcommands: readonly Subcommand[] = [
  archive,
  bundle,
  restore,
  list,
  show,
  ls,
  find,
  history,
  diff,
  cat,
  verify,
  prune,
  renew,
  rebuildIndex,
  cost,
  unbundle,
  createResources,
  updateResources,
  writeConfig,
  keygen,
  doctor,
  quickstart,
];
