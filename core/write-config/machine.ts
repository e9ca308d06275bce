/** What is on this machine already: read before anything is planned. */

import { existsSync } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { Failure, reasonOf } from "../failure.ts";
import type { Notify } from "../notice.ts";
import { which } from "../system/programs.ts";
import { asRoot, runCommand, succeeds, typed } from "./command.ts";

export type PresentFile = {
  /** Free of links: what is replaced is the file, not the link. */
  readonly path: string;
  readonly text: string;
  /** Octal, as `0640`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
};

/** Undefined where there is none. One that only root may read is read as root, and the user is shown how. */
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
    return await readFile(path, "utf8");
  } catch (error) {
    if (codeOf(error) !== "EACCES" || isRoot) throw error;
    return await readAsRoot(path, notify);
  }
}

/** By sudo, for whoever is not root; the user is shown how. Throws a Failure also where there is no such file. */
export function readAsRoot(path: string, notify: Notify): Promise<string> {
  const command = asRoot({ words: ["cat", "--", path] }, false);
  notify({ level: "info", code: "as-root", message: `  ${typed(command)}` });
  return runCommand(command, { output: "capture" });
}

/** Whether there is no executable in it that archive would run. */
export async function isEmptyFolder(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).every((name) => name.startsWith("."));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return true;
    throw new Failure({ doing: "list", what: path, why: reasonOf(error), remedy: "run it as root", cause: error });
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** Whether the system's user or group database knows the name. */
export function isKnown(database: "passwd" | "group", name: string): Promise<boolean> {
  return succeeds(["getent", database, name]);
}

export type Systemd = {
  /** Whether units can be told of at all. */
  readonly installed: boolean;
  /** As sd_booted(3) tells: it is this machine's init, now. */
  readonly running: boolean;
};

export function lookAtSystemd(): Systemd {
  return { installed: which("systemctl") !== undefined, running: existsSync("/run/systemd/system") };
}
