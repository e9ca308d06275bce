/** Runs the checks, one after the other. An error in one is its own finding and never stops the rest. */
import { untilAborted } from "../abortable.ts";
import { Failure, reasonOf } from "../failure.ts";
import type { Check } from "./check.ts";
import { checks } from "./checks.ts";
import { bad, CannotLook, type DoctorFinding, type Look, note, warning } from "./finding.ts";
import { type Machine, taskOf } from "./machine.ts";

/** Calls `report` with each finding as soon as there is one. Rejects only with the reason of `signal`. */
export async function examine(
  machine: Machine,
  report: (finding: DoctorFinding) => void,
  signal: AbortSignal,
): Promise<void> {
  const reported = new Map<unknown, string>();
  for (const check of checks) {
    const looks = await untilAborted(signal, looked(check, machine, reported));
    for (const look of looks) report({ check: check.name, ...look });
  }
}

/** Runs one check. `reported` has the errors of earlier checks: a check that meets one of them again is not checked. */
async function looked(check: Check, machine: Machine, reported: Map<unknown, string>): Promise<readonly Look[]> {
  try {
    const task = await machine.config().then(taskOf, () => "backup" as const);
    if (check.onlyForArchive && ["audit", "reader", "steward"].includes(task))
      return [note(`not needed: a machine with the ${task} role does not archive`)];
    return await check.look(machine);
  } catch (error) {
    const before = reported.get(error);
    if (before !== undefined) return [note(`not checked: no ${before}`)];
    reported.set(error, check.name);
    return [failed(error)];
  }
}

function failed(error: unknown): Look {
  if (!(error instanceof Failure)) {
    return bad(`the check failed: ${reasonOf(error)}`, "report this defect, with this line");
  }
  const { doing, what, why, remedy } = error.parts;
  const text = new Failure({ doing, ...(what !== undefined && { what }), why }).message;
  return (error instanceof CannotLook ? warning : bad)(text, remedy ?? "see docs/troubleshooting.md");
}
