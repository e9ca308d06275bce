import { exitStatus } from "../../failure.ts";
import type { Check } from "../check.ts";
import { bad, good, type Look, note, warning } from "../finding.ts";
import { readUnit, type Unit } from "../systemd.ts";

/** Checks that the timer is active, and that the last run went well. */
export const timer: Check<"unitName" | "service"> = {
  name: "timer",
  async look(machine) {
    const name = await machine.unitName();
    // The mount of the root folder is a unit of every systemd.
    if ((await readUnit("-.mount")) === undefined) return [note("no systemd here: check that something else runs it")];
    const unit = await readUnit(`${name}.timer`);
    const service = await machine.service();
    return [timerLook(name, unit), ...(service === undefined ? [] : [resultLook(name, service)])];
  },
};

function timerLook(name: string, unit: Unit | undefined): Look {
  const enable = `systemctl enable --now ${name}.timer`;
  if (unit === undefined) {
    return warning(`there is no ${name}.timer`, "run sysbackup write-config, or name the unit with --systemd-unit");
  }
  if (unit.get("ActiveState") !== "active") return bad(`${name}.timer is ${unit.get("ActiveState")}`, enable);
  if (unit.get("UnitFileState") === "disabled") {
    return warning(`${name}.timer is active, but only until the next boot`, enable);
  }
  const next = unit.get("NextElapseUSecRealtime");
  return good(`${name}.timer is active${next ? `, next at ${next}` : ""}`);
}

/**
 * Reports the last run. To systemd an incomplete one failed, unless `SuccessExitStatus=` says otherwise; here it is a warning, as there is
 * a backup.
 */
function resultLook(name: string, service: Unit): Look {
  const result = service.get("Result") ?? "";
  const status = service.get("ExecMainStatus") ?? "";
  const ended = service.get("ExecMainExitTimestamp") ?? "";
  const journal = `journalctl -u ${name}.service`;
  if (["active", "activating"].includes(service.get("ActiveState") ?? "")) return note(`${name}.service runs now`);
  if (status === String(exitStatus.incomplete) && ["success", "exit-code"].includes(result)) {
    return warning(`the last run, ended ${ended}, was incomplete: status ${status}`, `see ${journal}`);
  }
  if (result !== "success") {
    const how = result === "exit-code" ? `exit status ${status}` : result;
    return bad(`the last run of ${name}.service failed: ${how}`, `see ${journal}`);
  }
  if (ended === "") return note(`${name}.service has not run since the machine was started`);
  return good(`the last run ended well, ${ended}`);
}
