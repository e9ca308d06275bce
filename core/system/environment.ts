/**
 * What the processes that we start find in their environment: pickers and snapshotters, restore commands, and age, ccrypt,
 * sudo, systemctl, stty and the like. The list is explicit, so that no credential of the user gets to them, whatever the
 * variable is called that holds it. Docs promise the list: docs/pickers.md.
 */
import { soundPath } from "./programs.ts";

const passedOn: readonly string[] = [
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "TERM",
  "TMPDIR",
  "TZ",
  "LANG",
  "LC_ALL",
  "LC_COLLATE",
  "LC_CTYPE",
  "LC_MESSAGES",
  "LC_MONETARY",
  "LC_NUMERIC",
  "LC_TIME",
];

/** All of a child's environment. PATH has absolute folders only, and is there if ours has none. */
export function childEnvironment(): Record<string, string> {
  const environment: Record<string, string> = { PATH: soundPath(process.env.PATH) };
  for (const name of passedOn) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
