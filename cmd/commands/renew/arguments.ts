/** The arguments of `sysbackup renew`, parsed. */
import type { Policy } from "../../../core/steward/policy.ts";
import { type Access, accessOf } from "../../shared/access.ts";
import { noPolicy, onlyNameOf, policyOf, wholeNumber } from "../../shared/policy.ts";
import type { Words } from "../../subcommand.ts";

export type RenewArgs = Access & {
  /** Renews backups of this name only; of all names if undefined. */
  readonly onlyName: string | undefined;
  /** Undefined: nothing is renewed; then `staleDays` is given. */
  readonly policy: Policy | undefined;
  /** Days from now to lock for; as each manifest promised if undefined. */
  readonly days: number | undefined;
  /** Lists names whose newest backup is older than so many days. */
  readonly staleDays: number | undefined;
};

export function renewArgs(words: Words): RenewArgs {
  const policy = policyOf(words);
  const staleDays = wholeNumber("stale", words);
  if (policy === undefined && staleDays === undefined) throw noPolicy("renew");
  return { ...accessOf(words), onlyName: onlyNameOf(words), policy, days: wholeNumber("days", words), staleDays };
}
