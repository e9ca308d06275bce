/** Finds the timer of s3-sysbackup: with two timers, a machine is backed up twice a day by two programs. */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { Notify } from "../notice.ts";
import type { Step } from "./steps.ts";

/** The name that its `write-config` gives, if no other was asked for. */
const timer = "s3-sysbackup-archive.timer";
const disabling = `systemctl disable --now ${timer}`;

export type LegacyTimerOptions = {
  /** Where systemd looks for units of this machine. */
  readonly unitFolder: string;
  /** Whether it is to be disabled. */
  readonly disable: boolean;
  readonly running: boolean;
  readonly notify: Notify;
};

export type LegacyTimerPlan = { readonly steps: readonly Step[]; readonly later: readonly string[] };

const nothing: LegacyTimerPlan = { steps: [], later: [] };

/** Disables the timer if that is asked for; otherwise only says that it is enabled. */
export function legacyTimerPlan({ unitFolder, disable, running, notify }: LegacyTimerOptions): LegacyTimerPlan {
  if (!isEnabled(unitFolder)) return nothing;
  if (!disable) {
    const message = `${timer} is enabled, so s3-sysbackup goes on beside this program: --disable-old-timer ends that, or ${disabling}`;
    notify({ level: "info", code: "old-timer", message });
    return nothing;
  }
  if (!running) return { steps: [], later: [disabling] };
  const step: Step = {
    does: `disable ${timer}`,
    commands: [{ words: ["systemctl", "disable", "--now", timer] }],
    undo: { does: `enable ${timer}`, commands: [{ words: ["systemctl", "enable", "--now", timer] }] },
  };
  return { steps: [step], later: [] };
}

/** Looks for the link that `systemctl enable` makes. */
function isEnabled(unitFolder: string): boolean {
  return lstatSync(join(unitFolder, "timers.target.wants", timer), { throwIfNoEntry: false }) !== undefined;
}
