/** Asks before a restore replaces files of the running system, and before it runs commands of the backup. */
import { exitStatus, Failure } from "../../../core/failure.ts";
import { type DumpOrigin, type DumpWords, shownDump } from "../../../restore/dumps/dump-question.ts";
import { shownCommand } from "../../../restore/dumps/shown-command.ts";
import { isRunningSystem } from "../../../restore/target/target-folder.ts";
import type { CommandIO } from "../../io.ts";
import { count, moment } from "../../terminal/format.ts";
import { askOr } from "../../terminal/prompt.ts";
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
  if (!isRunningSystem(target)) return true;
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
  return askOr(io.ask, question, unasked);
}

/**
 * Returns whether the commands of dumps may be run. Only `--snapshots run` without `--yes` is in doubt, which shows them all. Throws a
 * Failure (exit 2) if there is no terminal to ask on.
 */
export async function mayReplay(
  { header, snapshots }: { readonly header: DumpOrigin; readonly snapshots: readonly DumpWords[] },
  { snapshots: choice, yes }: Pick<RestoreArgs, "snapshots" | "yes">,
  io: Pick<CommandIO, "ask" | "notify">,
): Promise<boolean> {
  const runnable = snapshots.filter(({ restore_through, exit }) => restore_through !== undefined && exit === 0);
  if (choice !== "run" || yes || runnable.length === 0) return true;
  for (const snapshot of runnable) {
    const { restore_through: command = "" } = snapshot;
    io.notify({
      level: "info",
      code: "would-replay",
      message: `${shownDump(snapshot, header)}: ${shownCommand(command)}`,
    });
  }
  const question = `Replay ${runnable.length === 1 ? "it" : `these ${runnable.length}`}, when all files are restored?`;
  return askOr(io.ask, question, replayUnasked);
}

function replayUnasked(cause: unknown): Failure {
  return new Failure({
    doing: "replay the snapshots of this backup",
    why: "nobody can be asked, as there is no terminal",
    remedy:
      "look at their commands with `sysbackup show`, and give --yes, or use --snapshots fetch or --snapshots skip",
    exit: exitStatus.usage,
    cause,
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
