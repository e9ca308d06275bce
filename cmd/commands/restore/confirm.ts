/** Asks before a restore replaces files of the running system. */
import { exitStatus, Failure } from "../../../core/failure.ts";
import type { CommandIO } from "../../io.ts";
import { count, moment } from "../../terminal/format.ts";
import { NoTerminal } from "../../terminal/prompt.ts";
import type { RestoreArgs } from "./arguments.ts";

/** The backup that is restored, as the header of its root describes it. */
type BackupOrigin = { readonly name: string; readonly host: string; readonly started: string };

/**
 * Returns whether the user wants the restore. Only one over the running system is in doubt. Throws a Failure (exit 2) if
 * there is no terminal to ask on, and no `--yes`.
 */
export async function mayRestore(
  backup: BackupOrigin,
  { target, paths, yes }: Pick<RestoreArgs, "target" | "paths" | "yes">,
  io: Pick<CommandIO, "ask" | "notify" | "hostName">,
): Promise<boolean> {
  if (target !== "/") return true;
  const { name, host, started } = backup;
  const of = `${JSON.stringify(name)} of ${moment(new Date(started))}`;
  if (host !== io.hostName) {
    const message = `the backup ${of} was made on ${JSON.stringify(host)}, and this machine is ${JSON.stringify(io.hostName)}`;
    io.notify({ level: "info", code: "other-host", message });
  }
  if (yes) return true;
  const what =
    paths.length === 0 ? "all files" : paths.length === 1 ? JSON.stringify(paths[0]) : `${count(paths.length)} paths`;
  const question = `Replace ${what} of this running system (${io.hostName}) with the backup ${of} from ${host}?`;
  return io.ask(question).catch((error: unknown) => {
    throw error instanceof NoTerminal ? unasked(error) : error;
  });
}

function unasked(cause: unknown): Failure {
  return new Failure({
    doing: "restore over the running system",
    why: "nobody can be asked, as there is no terminal",
    remedy: "give the folder to restore into as --target, or --yes if you mean this machine's own files",
    exit: exitStatus.usage,
    cause,
  });
}
