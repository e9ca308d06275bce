import type { Check } from "../check.ts";
import { bad, good, note, warning } from "../finding.ts";
import { isFolder } from "../machine.ts";
import { span } from "../words.ts";

/** Dates in answers have whole seconds, and answers take time. */
const tolerated = 5_000;
/** S3 refuses requests that are dated further off. */
const refused = 15 * 60_000;

const remedy = "set this machine's clock, and keep it so: timedatectl set-ntp true";

/** This machine's clock against the server's. */
export const clock: Check<"config" | "answer"> = {
  name: "clock",
  async look(machine) {
    if (isFolder(await machine.config())) return [good("the bucket is a folder: no other clock matters")];
    const { clocks } = await machine.answer();
    if (clocks === undefined) return [note("not checked: the server of the bucket did not answer")];
    const ahead = clocks.host.getTime() - clocks.server.getTime();
    const off = Math.abs(ahead);
    const text = `${span(off)} ${ahead > 0 ? "ahead of" : "behind"} the server's`;
    if (off >= refused) return [bad(`${text}: S3 refuses requests`, remedy)];
    if (off > tolerated) return [warning(text, remedy)];
    return [good("as the server's")];
  },
};
