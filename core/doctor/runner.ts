/** Finds the user who runs the archive, and what that user may do. */
import { access, constants } from "node:fs/promises";
import { Failure } from "../failure.ts";
import { userId, userName } from "../system/owners.ts";
import { spawnExecutable } from "../system/processes/process.ts";
import type { Unit } from "./systemd.ts";

type AccessKind = "read" | "write" | "run";

export type Runner = {
  readonly name: string;
  readonly uid: number;
  /** Whether the user can read every file, regardless of its owner and mode. */
  readonly readsAll: boolean;
  /** Asks the system, so that groups, ACLs and mount options count. Undefined if only root could ask for that user. */
  readonly may: ((access: AccessKind, path: string) => Promise<boolean>) | undefined;
};

/** The user of the unit, or root if it names none. Without a unit, the user of doctor. */
export function findRunner(service: Unit | undefined): Runner {
  const self = process.geteuid?.() ?? 0;
  const name = service === undefined ? nameOf(self) : service.get("User") || "root";
  const uid = service === undefined ? self : (userId(name) ?? numberIn(name));
  if (uid === undefined) throw unknownUser(name);
  const readsAll = uid === 0 || /cap_dac_(read_search|override)/.test(service?.get("AmbientCapabilities") ?? "");
  return { name, uid, readsAll, may: uid === self ? mayWe : self === 0 ? mayUser(name) : undefined };
}

function nameOf(uid: number): string {
  return userName(uid) ?? String(uid);
}

function numberIn(name: string): number | undefined {
  return /^\d+$/.test(name) ? Number(name) : undefined;
}

function unknownUser(name: string): Failure {
  const remedy = "create the user, or change User= in the unit";
  return new Failure({ doing: "find the user of the service", what: name, why: "there is no such user", remedy });
}

const modes = { read: constants.R_OK, write: constants.W_OK, run: constants.X_OK } as const;

async function mayWe(wanted: AccessKind, path: string): Promise<boolean> {
  return access(path, modes[wanted]).then(
    () => true,
    () => false,
  );
}

const letters = { read: "-r", write: "-w", run: "-x" } as const;
const patienceMs = 10_000;
/** Runs `test` as the user. `test` itself ends with 0 or 1; any other status comes from `setpriv` or `id`. */
const asUser = 'exec setpriv --reuid="$0" --regid="$(id -g "$0")" --init-groups -- test "$1" "$2"';

function mayUser(name: string): NonNullable<Runner["may"]> {
  return async (wanted, path) => {
    const args = ["-c", asUser, name, letters[wanted], path];
    const child = spawnExecutable({ path: "/bin/sh", args, timeoutMs: patienceMs, extraPipe: false });
    for await (const _ of child.stdout);
    const { exit, stderrTail } = await child.finished;
    if (exit === 0 || (exit === 1 && stderrTail === "")) return exit === 0;
    const why = stderrTail.trim() || `setpriv ended with status ${exit}`;
    throw new Failure({ doing: "check with the rights of", what: name, why, remedy: "install util-linux" });
  };
}
