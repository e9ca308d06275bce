/** What the services can see of the machine. */
import { exitStatus, Failure } from "../failure.ts";
import type { UnitSettings } from "./units.ts";

/** The units have a /tmp and /var/tmp of their own. Throws a Failure (exit 2) for what they use and would not find. */
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
      why: "they see nothing of the machine's /tmp and /var/tmp",
      remedy:
        "choose another place: the program belongs into /usr/local/bin, conf into /etc, the state into /var/cache",
      exit: exitStatus.usage,
    });
  }
}
