import { which } from "../../system/processes/programs.ts";
import type { Check } from "../check.ts";
import { good, note } from "../finding.ts";

/** Programs that sysbackup or most pickers run, and what for; compression is built in. */
const known: Readonly<Record<string, string>> = {
  find: "pickers",
  age: "write-config's encrypted copy of the credentials",
  ccrypt: "write-config's encrypted copy of the credentials",
  "systemd-creds": "credentials that only the service can read",
};

/** Checks for programs that some tasks need. An archive as such needs none. */
export const tools: Check<never> = {
  name: "tools",
  async look() {
    const there = Object.keys(known).filter((name) => which(name) !== undefined);
    const missing = Object.keys(known).filter((name) => !there.includes(name));
    if (missing.length === 0) return [good(there.join(", "))];
    const uses = missing.map((name) => `${name} (for ${known[name]})`).join(", ");
    return [note(`not on PATH: ${uses}`, "install what you use")];
  },
};
