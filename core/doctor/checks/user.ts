import type { Check } from "../check.ts";
import { good, note } from "../finding.ts";

/** Whose rights the other checks speak of. */
export const user: Check<"runner" | "service" | "unitName"> = {
  name: "user",
  async look(machine) {
    const { name, may } = await machine.runner();
    if ((await machine.service()) === undefined) return [note(`looks with the rights of ${name}: there is no service`)];
    const service = `${await machine.unitName()}.service`;
    if (may === undefined) {
      return [
        note(`${service} runs as ${name}: what that user may do is not checked`, `run doctor as root or ${name}`),
      ];
    }
    return [good(`${service} runs as ${name}`)];
  },
};
