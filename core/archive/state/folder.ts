/**
 * The folder of the state database: the database has the name of every picked file, and what it says goes into manifests
 * as it is. So only its owner may read or write it, and root trusts no state that another user could replace.
 */
import type { Stats } from "node:fs";
import { chmod, mkdir, readdir, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Failure, reasonOf } from "../../failure.ts";
import { fromText } from "../../format/path.ts";
import { type FileLock, lockExclusively } from "../../system/files/lock.ts";
import { strangerOnTheWay, strangerOwning, strangerWhoCanChange } from "../../system/trust/strangers.ts";

const privateMode = 0o700;
const everybodyElse = 0o077;
const othersMayWrite = 0o002;

/** Name of the note of a restore that waits for thawing. */
export const restoreNote = "restore-waiting.json";

/** Names of the database, of what SQLite keeps beside it, and of our checksum and lock. */
const ourFile = /\.sqlite(-wal|-shm|-journal|-dump|\.sum|\.lock)?$/;

export const isStateFile = (name: string): boolean => ourFile.test(name) || name === restoreNote;

export type FolderState = {
  /** Why `uid` must not use the folder; undefined if nothing speaks against it. */
  readonly refused: { readonly why: string; readonly remedy: string } | undefined;
  /** Others may read or write it. */
  readonly open: boolean;
  /** It holds nothing but state, so that others need no access. */
  readonly ours: boolean;
};

/** Makes the folder if there is none, and closes it to other users. Throws a Failure if it must not be used. */
export async function makeStateDir(stateDir: string): Promise<void> {
  const uid = process.geteuid?.() ?? 0;
  try {
    await refuseStrangers(stateDir, uid);
    await mkdir(stateDir, { recursive: true, mode: privateMode });
    await closeStateDir(stateDir, uid);
  } catch (error) {
    throw error instanceof Failure ? error : unusable(stateDir, error);
  }
}

/** Returns who else could have written a file of the state, as the rest of a sentence: `"…" belongs to alice`; undefined if nobody. */
export async function whoElseMayWrite(path: string): Promise<string | undefined> {
  const stranger = await strangerWhoCanChange(path, process.geteuid?.() ?? 0);
  return stranger && `${JSON.stringify(stranger.path)} ${stranger.how}`;
}

/** Examines an existing folder for a run as `uid`. Throws errors of the system. */
export async function examineStateDir(stateDir: string, uid: number): Promise<FolderState> {
  const found = await stat(stateDir);
  const open = (found.mode & everybodyElse) !== 0;
  const ours = open ? await holdsOnlyState(stateDir) : true;
  return { refused: await refusal(stateDir, found, ours, uid), open, ours };
}

async function refuseStrangers(stateDir: string, uid: number): Promise<void> {
  const refused = await refusalOfTheWay(stateDir, uid);
  if (refused !== undefined) throw refusedFolder(stateDir, refused);
}

async function closeStateDir(stateDir: string, uid: number): Promise<void> {
  const { refused, open, ours } = await examineStateDir(stateDir, uid);
  if (refused !== undefined) throw refusedFolder(stateDir, refused);
  if (open && ours && (await stat(stateDir)).uid === uid) await chmod(stateDir, privateMode);
}

type Refusal = FolderState["refused"];

async function refusal(stateDir: string, found: Stats, ours: boolean, uid: number): Promise<Refusal> {
  const owner = strangerOwning({ path: stateDir, stat: found }, uid);
  if (owner !== undefined) {
    const remedy = "run it as that user, name another folder with state_dir, or chown -R this one";
    return { why: `it ${owner.how}, who could replace what lies there`, remedy };
  }
  if ((found.mode & othersMayWrite) !== 0 && !(ours && found.uid === uid)) {
    return { why: "every user can write there", remedy: "name a folder of its own with state_dir" };
  }
  return refusalOfTheWay(stateDir, uid);
}

/**
 * Returns why the way to the folder is refused. Only root refuses: others trust the groups that they are in, and may be unable to see the
 * folders above.
 */
async function refusalOfTheWay(stateDir: string, uid: number): Promise<Refusal> {
  if (uid !== 0) return undefined;
  const stranger = await strangerOnTheWay(stateDir, uid);
  if (stranger === undefined) return undefined;
  const why = `${JSON.stringify(stranger.path)} ${stranger.how}, who could replace what lies there`;
  return { why, remedy: "name another folder with state_dir in the [backup] section" };
}

/** A folder directly under `/` counts as shared, even an empty one. */
async function holdsOnlyState(stateDir: string): Promise<boolean> {
  if (dirname(await realpath(stateDir)) === "/") return false;
  return (await readdir(stateDir)).every(isStateFile);
}

/** Keeps other runs of this backup name out. Throws a Failure if one is running. */
export async function lockState(path: string): Promise<FileLock> {
  const lock = await lockExclusively(fromText(path)).catch((error: unknown) => {
    throw unusable(path, error);
  });
  if (lock !== undefined) return lock;
  throw new Failure({
    doing: "start a run with the state",
    what: path.replace(/\.lock$/, ""),
    why: "another run holds its lock",
    remedy: "wait for it to end (lslocks shows its process), or give this one a name or state_dir of its own",
  });
}

function refusedFolder(what: string, { why, remedy }: NonNullable<Refusal>): Failure {
  return new Failure({ doing: "use the state folder", what, why, remedy });
}

/** The Failure for an error of the system or of SQLite: a full disk, for example. */
export function unusable(path: string, cause: unknown): Failure {
  const why = reasonOf(cause);
  const remedy = `${fixOf(why)}, or name another with state_dir in the [backup] section`;
  return new Failure({ doing: "use the state folder", what: path, why, remedy, cause });
}

function fixOf(why: string): string {
  if (/full|no space|quota/.test(why)) return "free some space there";
  // The lock of the run keeps other runs out: this is someone who looks into the database.
  if (/locked/.test(why)) return "close the program that has the database open (lsof shows it)";
  return "make it writable";
}
