import type { Check } from "../check.ts";
import { good, note } from "../finding.ts";

/** Reports the user whose rights the other checks test. */
export const user: Check<"runner" | "service" | "unitName"> = {
  name: "user",
  async look(machine) {
    const { name, may } = await machine.runner();
    if ((await machine.service()) === undefined)
      return [note(`checks with the rights of ${name}: there is no service`)];
    const service = `${await machine.unitName()}.service`;
    if (may === undefined) {
      return [
        note(`${service} runs as ${name}: what that user may do is not checked`, `run doctor as root or ${name}`),
      ];
    }
    return [good(`${service} runs as ${name}`)];
  },
};
