import type { Look } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** One small question about this machine or its bucket. Changes nothing. */
export type Check<Needed extends keyof Machine = keyof Machine> = {
  readonly name: string;
  /** Concerns only machines that archive. */
  readonly ofArchive?: boolean;
  /** At least one. What it throws is told as bad; the other checks go on. */
  look(machine: Pick<Machine, Needed>): Promise<readonly Look[]>;
};
