/** Python as Debian has it. */
import { existsSync } from "node:fs";

const debians = "/usr/bin/python3";

/** The interpreter itself if it is there: one that a version manager puts before it in PATH takes ten times as long to start. */
export const python3 = existsSync(debians) ? debians : "python3";

/** For scripts that need no packages nor settings of the user: they start a little sooner. Text is UTF-8, as in any locale of today. */
export const plainPython: readonly string[] = [python3, "-E", "-S", "-X", "utf8"];
