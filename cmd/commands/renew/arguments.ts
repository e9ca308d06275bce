/** The arguments of `sysbackup renew`, parsed. */
import { exitStatus, Failure } from "../../../core/failure.ts";
import type { Policy } from "../../../core/steward/policy.ts";
import { type Access, accessOf } from "../../shared/access.ts";
import { namesOf, noPolicy, policyOf, wholeNumber } from "../../shared/policy.ts";
import type { Words } from "../../subcommand.ts";

export type RenewArgs = Access & {
  /** Renews backups of these names; undefined: lists stale ones among all. */
  readonly names: readonly string[] | undefined;
  /** Undefined: nothing is renewed; then `staleDays` is given. */
  readonly policy: Policy | undefined;
  /** Days from now to lock for; as each manifest promised if undefined. */
  readonly days: number | undefined;
  /** No promise of a manifest locks for longer from now. */
  readonly mostDays: number;
  /** Lists names whose newest backup is older than so many days. */
  readonly staleDays: number | undefined;
};

export function renewArgs(words: Words): RenewArgs {
  const policy = policyOf(words);
  const staleDays = wholeNumber("stale", words);
  if (policy === undefined && staleDays === undefined) throw noPolicy("renew");
  const names = namesOf(words);
  if (policy !== undefined && names === undefined) throw noNames();
  const mostDays = wholeNumber("max-days", words) ?? usualMostDays;
  return { ...accessOf(words), names, policy, days: wholeNumber("days", words), mostDays, staleDays };
}

/** Days: a year, and some. */
const usualMostDays = 400;

function noNames(): Failure {
  return new Failure({
    doing: "renew",
    why: "no backup name is given: anybody who may put into the bucket can add names, and a lock cannot be taken back",
    remedy: "name the backups to renew, such as `sysbackup renew web1 db1 --keep-last 1`; --stale lists names",
    exit: exitStatus.usage,
  });
}
