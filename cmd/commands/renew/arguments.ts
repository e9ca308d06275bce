/** The arguments of `sysbackup renew`, parsed. */
import type { Policy } from "../../../core/steward/policy.ts";
import { type Access, accessOf } from "../../shared/access.ts";
import { nameOf, noPolicy, policyOf, wholeNumber } from "../../shared/policy.ts";
import type { Words } from "../../subcommand.ts";

export type RenewArgs = Access & {
  /** Whose backups; all names where undefined. */
  readonly of: string | undefined;
  /** Undefined: nothing is renewed; then `staleDays` is given. */
  readonly policy: Policy | undefined;
  /** How long from now; as each manifest promised where undefined. */
  readonly days: number | undefined;
  readonly staleDays: number | undefined;
};

export function renewArgs(words: Words): RenewArgs {
  const policy = policyOf(words);
  const staleDays = wholeNumber("stale", words);
  if (policy === undefined && staleDays === undefined) throw noPolicy("renew");
  return { ...accessOf(words), of: nameOf(words), policy, days: wholeNumber("days", words), staleDays };
}
