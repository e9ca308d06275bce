/**
 * The environment of all child processes: pickers and snapshotters, restore commands, and age, ccrypt, sudo, systemctl and
 * stty. It is an explicit list, so that children get no credentials, whatever their variables are called. docs/pickers.md
 * promises this list. Pickers and snapshotters get more (`core/archive/executables/environment.ts`).
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
