import type { Policy } from "../../core/steward/policy.ts";
import { type Access, accessOf, accessOptions } from "../access.ts";
import { nameOf, noPolicy, policyOf, policyOptions, wholeNumber } from "../policy.ts";
import { subcommand, type Words } from "../subcommand.ts";

export type RenewArgs = Access & {
  /** Whose backups; all names where undefined. */
  readonly of: string | undefined;
  /** Undefined: nothing is renewed; then `staleDays` is given. */
  readonly policy: Policy | undefined;
  /** How long from now; as each manifest promised where undefined. */
  readonly days: number | undefined;
  readonly staleDays: number | undefined;
};

export const renew = subcommand<RenewArgs>(
  {
    name: "renew",
    operands: "[name]",
    summary: "Extend the locks of the backups that the rules keep, for machines that no longer run",
    details: [
      "Of all names, or of one. What those backups need is locked from now on for as long as their manifests promised from",
      "their start. Exit status 3 where --stale lists a name. See docs/retention.md.",
    ].join("\n"),
    options: [
      ...policyOptions,
      { flag: "--days <n>", help: "Lock for n days from now" },
      { flag: "--stale <days>", help: "List the names whose newest backup is older; alone, renews nothing" },
      ...accessOptions,
    ],
    examples: ["sysbackup renew --stale 3", "sysbackup renew web1 --keep-last 1 --days 365"],
  },
  renewArgs,
  () => import("../renew.ts"),
);

function renewArgs(words: Words): RenewArgs {
  const policy = policyOf(words);
  const staleDays = wholeNumber("stale", words);
  if (policy === undefined && staleDays === undefined) throw noPolicy("renew");
  return { ...accessOf(words), of: nameOf(words), policy, days: wholeNumber("days", words), staleDays };
}
