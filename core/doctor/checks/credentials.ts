import type { Check } from "../check.ts";
import { good, note } from "../finding.ts";
import { isFolder } from "../machine.ts";

/** Checks that there are keys, and that the server knows them. */
export const credentials: Check<"config" | "caller"> = {
  name: "credentials",
  async look(machine) {
    if (isFolder(await machine.config())) return [good("not needed: the bucket is a folder")];
    const caller = await machine.caller();
    if (caller !== undefined) return [good(`of ${caller}`)];
    return [note("found, but this server does not report whose they are: see role and bucket")];
  },
};
