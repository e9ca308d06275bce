import type { Check } from "../check.ts";
import { good, note } from "../finding.ts";
import { isFolder } from "../machine.ts";

/** Keys are there, and the server knows them. */
export const credentials: Check<"config" | "caller"> = {
  name: "credentials",
  async look(machine) {
    if (isFolder(await machine.config())) return [good("none needed: the bucket is a folder")];
    const caller = await machine.caller();
    if (caller !== undefined) return [good(`of ${caller}`)];
    return [note("there; this server does not tell whose they are: role and bucket show whether they are right")];
  },
};
