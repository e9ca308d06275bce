import { statePath } from "../../archive/state/database.ts";
import type { Check } from "../check.ts";
import { good, note } from "../finding.ts";
import { lockHolder } from "../lock-holder.ts";

/** Reports whether an archive of this name runs now. */
export const running: Check<"config"> = {
  name: "run",
  onlyForArchive: true,
  async look(machine) {
    const { stateDir, name } = (await machine.config()).backup;
    const holder = await lockHolder(`${statePath(stateDir, name)}.lock`);
    if (holder !== undefined) return [note(`an archive of ${name} runs now, as process ${holder}`)];
    return [good(`no archive of ${name} runs now`)];
  },
};
