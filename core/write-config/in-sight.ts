/** Checks that the services can see what they use. */
import { exitStatus, Failure } from "../failure.ts";
import type { UnitSettings } from "./units.ts";

/** Throws a Failure (exit 2) for a path in /tmp or /var/tmp: the units have their own, and would not find it. */
export function checkInSight({
  program,
  confDir,
  stateDir,
}: Pick<UnitSettings, "program" | "confDir" | "stateDir">): void {
  for (const path of [...program, confDir, stateDir]) {
    if (!/^(?:\/var)?\/tmp(?:\/|$)/.test(path)) continue;
    throw new Failure({
      doing: "set up services that use",
      what: path,
      why: "they cannot see the machine's /tmp and /var/tmp",
      remedy: "choose another place: the program belongs in /usr/local/bin, conf in /etc, the state in /var/cache",
      exit: exitStatus.usage,
    });
  }
}
