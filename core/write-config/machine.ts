/** Looks at what this machine already has, before anything is planned. */

import { existsSync } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { codeOf, Failure, reasonOf } from "../failure.ts";
import type { Notify } from "../notice.ts";
import { openRegular } from "../system/files/regular-file.ts";
import { which } from "../system/processes/programs.ts";
import { asRoot, runCommand, succeeds, typed } from "./command.ts";

export type PresentFile = {
  /** Path without links, so that the file is replaced, not the link. */
  readonly path: string;
  readonly text: string;
  /** Octal mode: `0640`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
};

/** Undefined if there is no such file. Reads it as root if only root may, and shows the user the command. */
export async function lookAtFile(path: string, isRoot: boolean, notify: Notify): Promise<PresentFile | undefined> {
  try {
    const real = await realpath(path);
    const { mode, uid, gid } = await stat(real);
    const octal = `0${(mode & 0o777).toString(8).padStart(3, "0")}`;
    return { path: real, text: await textOf(real, isRoot, notify), mode: octal, uid, gid };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    if (error instanceof Failure) throw error;
    throw new Failure({ doing: "read", what: path, why: reasonOf(error), remedy: "run it as root", cause: error });
  }
}

async function textOf(path: string, isRoot: boolean, notify: Notify): Promise<string> {
  try {
    await using file = await openRegular(path);
    return await file.readFile("utf8");
  } catch (error) {
    if (codeOf(error) !== "EACCES" || isRoot) throw error;
    return await readAsRoot(path, notify);
  }
}

/** Reads a file by sudo, unless run as root, and shows the user the command. Also throws a Failure if there is no such file. */
export function readAsRoot(path: string, notify: Notify): Promise<string> {
  const command = asRoot({ words: ["cat", "--", path] }, false);
  notify({ level: "info", code: "as-root", message: `  ${typed(command)}` });
  return runCommand(command, { output: "capture" });
}

/** Returns whether a folder has no executable that archive would run. */
export async function isEmptyFolder(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).every((name) => name.startsWith("."));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return true;
    throw new Failure({ doing: "list", what: path, why: reasonOf(error), remedy: "run it as root", cause: error });
  }
}

/** Returns whether the system's user or group database knows the name. */
export function isKnown(database: "passwd" | "group", name: string): Promise<boolean> {
  return succeeds(["getent", database, name]);
}

export type Systemd = {
  /** Whether systemd's programs are installed. */
  readonly installed: boolean;
  /** Whether systemd is this machine's init now, as sd_booted(3) defines it. */
  readonly running: boolean;
};

export function lookAtSystemd(): Systemd {
  return { installed: which("systemctl") !== undefined, running: existsSync("/run/systemd/system") };
}
