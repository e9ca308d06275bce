import type { Look } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** A check of one thing on this machine or in its bucket. Changes nothing, but for the object that `lock` may store. */
export type Check<Needed extends keyof Machine = keyof Machine> = {
  readonly name: string;
  /** Whether only machines that archive need this check. */
  readonly onlyForArchive?: boolean;
  /** Returns at least one result. An error that it throws is reported as bad; the other checks go on. */
  look(machine: Pick<Machine, Needed>): Promise<readonly Look[]>;
};
