import { accessOptions } from "../../shared/access.ts";
import { policyOptions } from "../../shared/policy.ts";
import { subcommand } from "../../subcommand.ts";
import { type RenewArgs, renewArgs } from "./arguments.ts";

export const renew = subcommand<RenewArgs>(
  {
    name: "renew",
    operands: "[...names]",
    summary: "Extend the locks of the backups that the rules keep, for machines that no longer run",
    details: [
      "Renews the names given. Locks what those backups need, from now, for as long as their manifests promised from their",
      "start, and at most --max-days. Exit status 3 if --stale lists a name. See docs/retention.md.",
    ].join("\n"),
    options: [
      ...policyOptions,
      { flag: "--days <n>", help: "Lock for n days from now" },
      {
        flag: "--max-days <n>",
        help: "Lock for at most n days from now, whatever a manifest promises: 400 by default",
      },
      { flag: "--stale <days>", help: "List the names whose newest backup is older; alone, renews nothing" },
      ...accessOptions,
    ],
    examples: ["sysbackup renew --stale 3", "sysbackup renew web1 --keep-last 1 --days 365"],
  },
  renewArgs,
  () => import("./run.ts"),
);
