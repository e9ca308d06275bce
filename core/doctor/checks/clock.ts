import type { Check } from "../check.ts";
import { bad, good, note, warning } from "../finding.ts";
import { isFolder } from "../machine.ts";
import { span } from "../words.ts";

/** Difference that is no fault: dates in answers have whole seconds, and answers take time. */
const tolerated = 5_000;
/** Difference from which S3 refuses requests. */
const refused = 15 * 60_000;

const remedy = "set this machine's clock, and keep it so: timedatectl set-ntp true";

/** Compares this machine's clock with the server's. */
export const clock: Check<"config" | "answer"> = {
  name: "clock",
  async look(machine) {
    if (isFolder(await machine.config())) return [good("not needed: the bucket is a folder")];
    const { clocks } = await machine.answer();
    if (clocks === undefined) return [note("not checked: the server of the bucket did not answer")];
    const ahead = clocks.host.getTime() - clocks.server.getTime();
    const off = Math.abs(ahead);
    const text = `${span(off)} ${ahead > 0 ? "ahead of" : "behind"} the server's`;
    if (off >= refused) return [bad(`${text}: S3 refuses requests`, remedy)];
    if (off > tolerated) return [warning(text, remedy)];
    return [good("same as the server's")];
  },
};
