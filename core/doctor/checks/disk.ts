import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { statePath } from "../../archive/state/database.ts";
import type { Check } from "../check.ts";
import { bad, good, type Look, warning } from "../finding.ts";
import { statOf } from "../stat-of.ts";
import { bytes } from "../words.ts";

const mebibyte = 1024 ** 2;
const badBelow = 64 * mebibyte;
const warningBelow = 512 * mebibyte;

/** Checks that there is room for the state database, and for temporary files. */
export const disk: Check<"config"> = {
  name: "disk",
  async look(machine) {
    const { stateDir, name } = (await machine.config()).backup;
    const database = await statOf(statePath(stateDir, name)).catch(() => undefined);
    // A database that is rebuilt, and its log, take its size once more.
    const looks = [await roomIn(await existing(stateDir), "state_dir", warningBelow + (database?.size ?? 0))];
    looks.push(await roomIn(await existing(spoolFolder()), "temporary files", warningBelow));
    return looks;
  },
};

/** The folder in which SQLite keeps temporary tables. */
function spoolFolder(): string {
  return process.env.SQLITE_TMPDIR ?? process.env.TMPDIR ?? "/var/tmp";
}

async function existing(path: string): Promise<string> {
  return (await statOf(path)) === undefined && path !== "/" ? existing(dirname(path)) : path;
}

async function roomIn(folder: string, what: string, wanted: number): Promise<Look> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const text = `${bytes(free)} free in ${JSON.stringify(folder)}, for ${what}`;
  const remedy = what === "state_dir" ? "make room, or set state_dir under [backup]" : "make room, or set TMPDIR";
  if (free < badBelow) return bad(text, remedy);
  return free < wanted ? warning(text, remedy) : good(text);
}
