/** Restores dumps: fetches them into files, or replays them with the command that the snapshotter gave. */
import { exitStatus, Failure } from "../../core/failure.ts";
import { dumpsFolder } from "../../core/format/entries/dump.ts";
import { distinct } from "../../core/format/keys/keys.ts";
import type { Manifest, SnapshotRef } from "../../core/format/manifest/manifest.ts";
import { fromText } from "../../core/format/path.ts";
import { readTwice } from "../../core/stored/second-read.ts";
import { createFile, remove, truncate, writeAt } from "../../core/system/files/beneath.ts";
import { close } from "../../core/system/files/files.ts";
import { SystemError } from "../../core/system/libc.ts";
import { type Finished, pipeInto } from "../../core/system/processes/process.ts";
import { full, isFull } from "../entries/trouble.ts";
import type { Report } from "../report/report.ts";
import { nearness } from "../target/nearness.ts";
import { Obstacle } from "../target/obstacle.ts";
import { putInPlace } from "../target/place.ts";
import { unlessRefused } from "../target/refused.ts";
import type { FolderRule, Target } from "../target/target.ts";
import { ourselves } from "../target/unfinished.ts";
import { type DumpSource, dumpOf, lossOfDump } from "./dump-content.ts";
import { replayQuestion } from "./dump-question.ts";
import { shownCommand } from "./shown-command.ts";

export type SnapshotChoice = "ask" | "fetch" | "run" | "skip";

export type Decision = {
  readonly snapshot: SnapshotRef;
  readonly action: "fetch" | "run" | "skip";
  /** Name of the file that it is fetched into: no other dump of the backup has it. */
  readonly file: string;
};

/**
 * Decides what to do with each dump before anything is restored, so that nobody has to wait for the questions. Without a
 * question, a dump that is marked failed or has no command is only fetched.
 */
export async function decide(
  { snapshots, header }: Pick<Manifest, "snapshots" | "header">,
  choice: SnapshotChoice,
  ask: (question: string) => Promise<boolean>,
): Promise<Decision[]> {
  const decisions: Decision[] = [];
  const [, ...files] = distinct([scriptName, ...snapshots.map(({ snapshotter }) => snapshotter)]);
  for (const [number, snapshot] of snapshots.entries()) {
    const action = await actionFor(snapshot, choice, (command) =>
      answered(ask, replayQuestion(snapshot, header, command)),
    );
    decisions.push({ snapshot, action, file: files[number] ?? snapshot.snapshotter });
  }
  return decisions;
}

async function actionFor(
  snapshot: SnapshotRef,
  choice: SnapshotChoice,
  ask: (command: string) => Promise<boolean>,
): Promise<Decision["action"]> {
  if (choice === "skip" || choice === "fetch") return choice;
  if (snapshot.restore_through === undefined) return "fetch";
  if (choice === "run") return snapshot.exit === 0 ? "run" : "fetch";
  return (await ask(snapshot.restore_through)) ? "run" : "skip";
}

async function answered(ask: (question: string) => Promise<boolean>, question: string): Promise<boolean> {
  try {
    return await ask(question);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure({
      doing: "ask whether to replay the snapshots of this backup",
      why: error.parts.why,
      remedy: "say it by --snapshots run --yes, --snapshots fetch (as files) or --snapshots skip",
      exit: exitStatus.usage,
      cause: error,
    });
  }
}

/** Name of the script beside fetched dumps; no dump is fetched under it. */
export const scriptName = "replay.sh";

export type DumpDeps = DumpSource & {
  readonly target: Target;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Asks whether a command that failed is run again; if undefined, it is not. */
  readonly askAgain?: ((question: string) => Promise<boolean>) | undefined;
};

/** Returns whether the dump is a file now. */
export async function restoreSnapshot(decision: Decision, choice: SnapshotChoice, deps: DumpDeps): Promise<boolean> {
  const { snapshot, action } = decision;
  const { report, signal } = deps;
  signal.throwIfAborted();
  if (action === "skip") {
    const why = choice === "skip" ? "--snapshots skip" : "as answered";
    report.info("snapshot-skipped", `snapshot ${JSON.stringify(snapshot.snapshotter)} is not restored: ${why}`);
    return false;
  }
  try {
    if (action === "run" && (await replay(snapshot, deps))) return false;
    // What could not be replayed is kept, to be replayed by hand.
    await fetchDump(decision, action === "run" ? "fetch" : choice, deps);
    return true;
  } catch (error) {
    tellLost(snapshot, error, deps);
    return false;
  }
}

function tellLost(snapshot: SnapshotRef, error: unknown, { report, target }: DumpDeps): void {
  const { snapshotter } = snapshot;
  if (error instanceof SystemError && isFull(error) && nearness(target, dumpsFolder) !== "elsewhere") {
    throw full(snapshotter, error.reason, error);
  }
  const loss = lossBy(error) ?? lossOfDump(error, snapshot);
  report.lost("snapshot-lost", { doing: "restore the snapshot", what: snapshotter, ...loss });
}

function lossBy(error: unknown) {
  if (error instanceof Obstacle) return { ...error.parts, damage: false };
  if (error instanceof SystemError) return { why: error.message, remedy: "fix that and run again", damage: false };
  return undefined;
}

async function fetchDump(decision: Decision, choice: SnapshotChoice, deps: DumpDeps): Promise<void> {
  const { snapshot, file } = decision;
  const { target, report } = deps;
  target.make(dumpsFolder, ownFolder);
  const path = fromText(`${dumpsFolder}/${file}`);
  const temporary = target.names.next();
  const place = target.workplace(dumpsFolder);
  const fd = createFile(place, temporary);
  try {
    await readTwice(() => writeDump(fd, snapshot, deps));
    putInPlace(target, temporary, path);
  } catch (error) {
    unlessRefused(() => remove(target.workplace(dumpsFolder), temporary));
    throw error;
  } finally {
    close(fd);
    target.settle(dumpsFolder, 0o700);
  }
  report.figures.snapshotsFetched += 1;
  tellFetched(decision, choice, report);
}

async function writeDump(fd: number, snapshot: SnapshotRef, deps: DumpDeps): Promise<void> {
  let position = 0;
  truncate(fd, 0);
  for await (const piece of dumpOf(snapshot, deps)) {
    writeAt(fd, piece, position);
    position += piece.length;
  }
}

/** Rule for the folder of dumps: others can neither read dumps nor put any there. */
export const ownFolder: FolderRule = {
  gid: undefined,
  accept: (_, { uid, mode }) => uid === ourselves && (mode & 0o077) === 0,
};

function tellFetched(
  { snapshot: { snapshotter, exit, restore_through }, file }: Decision,
  choice: SnapshotChoice,
  report: Report,
): void {
  const where = `snapshot ${JSON.stringify(snapshotter)} is stored as ${JSON.stringify(`${dumpsFolder.slice(1)}/${file}`)} in the target`;
  if (exit !== 0) report.warning("snapshot-failed", `${where}; it is marked failed and may not be whole`);
  else if (choice === "fetch") report.info("snapshot-fetched", where);
  else if (restore_through === undefined)
    report.warning("snapshot-no-command", `${where}; it has no command to replay it`);
}

/**
 * Replays a dump with its command. A database cannot undo its input, so the whole object is read and its digests are
 * verified before the command gets a byte. The object is read a second time for the command, and verified again: if it
 * differs then, the command is ended before its input ends. Returns whether the command succeeded; if not, that is reported.
 */
async function replay(snapshot: SnapshotRef, deps: DumpDeps): Promise<boolean> {
  const { report, signal, askAgain } = deps;
  const { restore_through: command = "false", snapshotter } = snapshot;
  if (command.includes("\0")) throw noCommand();
  await readTwice(async () => {
    for await (const _ of dumpOf(snapshot, deps)) signal.throwIfAborted();
  });
  for (;;) {
    const finished = await pipeInto({ command, input: dumpOf(snapshot, deps), abort: signal });
    signal.throwIfAborted();
    if (finished.exit === 0) {
      report.figures.snapshotsReplayed += 1;
      return true;
    }
    const why = `${shownCommand(command)} ${endOf(finished)}`;
    if (await wantsAgain(`${why}. Fix that, and run it again?`, askAgain)) continue;
    const remedy = "fix that and replay the dump, which is kept, by hand, or restore again";
    report.lost("snapshot-command-failed", {
      doing: "replay the snapshot",
      what: snapshotter,
      why,
      remedy,
      damage: false,
    });
    return false;
  }
}

/** Without a terminal, nobody does. */
async function wantsAgain(question: string, ask: DumpDeps["askAgain"]): Promise<boolean> {
  if (ask === undefined) return false;
  try {
    return await ask(question);
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

function noCommand(): Obstacle {
  const why = "its restore command has a NUL in it, which no command can have";
  return new Obstacle({ code: "snapshot-lost", why, remedy: "use --snapshots fetch and replay it by hand" });
}

function endOf({ exit, signal, stderrTail }: Finished): string {
  const how = exit === undefined ? `was ended by ${signal ?? "a signal"}` : `ended with status ${exit}`;
  return stderrTail.trim() === "" ? how : `${how}: ${stderrTail.trim()}`;
}
