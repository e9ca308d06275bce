/**
 * Snapshotters that must seek in what they write, or read it back. Such a one gets a file without a name in the state folder
 * instead of a pipe, and its dump is read when it has ended.
 */
import { fstatSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { Failure, reasonOf } from "../../failure.ts";
import { close, readAt } from "../../system/files/files.ts";
import { readFirstBytesOfFile } from "../../system/files/first-bytes.ts";
import { openNameless } from "../../system/files/nameless.ts";
import { type Ending, type Run, type RunOptions, run } from "../executables/run.ts";

/** The line by which a script asks for it, as a comment. */
const request = /^(?:#|\/\/|--) ?sysbackup: seekable[ \t\r]*$/m;
const lookedAt = 4096;

/**
 * Returns whether the beginning of the executable asks for a seekable descriptor. False if it cannot be read: then it is not a script
 * either.
 */
export async function wantsSeekable(path: string): Promise<boolean> {
  try {
    return request.test((await readFirstBytesOfFile(path, lookedAt)).toString("latin1"));
  } catch {
    return false;
  }
}

/** Between two looks at the file and at the disk. */
const pauseMs = 200;
/** Share of the disk, and most bytes of it, that a dump must leave free for the state database and for others. */
const reservedShare = 0.05;
const mostReserved = 256 * 1024 ** 2;

type SeekableOptions = Omit<RunOptions, "extra">;

/**
 * Runs a snapshotter with a file as descriptor 3. Throws a Failure if the disk has no room, or no process can be started. One that fills the
 * disk is ended, and nothing of its dump is kept.
 */
export async function runSeekable(options: SeekableOptions, folder: string): Promise<Run> {
  if (await lacksRoom(folder)) throw full(folder);
  const fd = openFile(folder);
  try {
    return new SeekableRun(options, folder, fd);
  } catch (error) {
    close(fd);
    throw error;
  }
}

class SeekableRun implements Run {
  readonly stdout: Run["stdout"];
  readonly extra: Run["extra"];
  readonly ended: Promise<Ending>;
  readonly #running: Run;
  readonly #folder: string;
  readonly #fd: number;
  #open = true;
  #over = false;
  #isFull = false;

  constructor(options: SeekableOptions, folder: string, fd: number) {
    this.#folder = folder;
    this.#fd = fd;
    this.#running = run({ ...options, extra: fd });
    this.stdout = this.#running.stdout;
    this.ended = this.#end(this.#watch());
    this.extra = this.#read();
  }

  heard(): void {
    this.#running.heard();
  }

  stop(): void {
    this.#running.stop();
    if (this.#open) close(this.#fd);
    this.#open = false;
  }

  /** Looks at the file, whose growth is output, and at the room on the disk, until the snapshotter has ended. */
  async #watch(): Promise<void> {
    let before = "";
    while (!this.#over && this.#open) {
      const { size, mtimeMs } = fstatSync(this.#fd);
      const now = `${size} ${mtimeMs}`;
      if (now !== before) this.heard();
      before = now;
      if (await lacksRoom(this.#folder)) {
        this.#isFull = true;
        this.#running.stop();
        return;
      }
      await Bun.sleep(pauseMs);
    }
  }

  async #end(watching: Promise<void>): Promise<Ending> {
    const ending = await this.#running.ended;
    this.#over = true;
    // What it left running would change the file while it is read.
    this.#running.stop();
    await watching.catch(() => {});
    // It may have been faster than the watch, and have failed for that.
    if (ending.failure !== undefined && (await lacksRoom(this.#folder))) this.#isFull = true;
    return this.#isFull ? { ...ending, exit: null, failure: wasFull(this.#folder, ending) } : ending;
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    await this.ended;
    if (this.#isFull || !this.#open) return;
    const end = fstatSync(this.#fd).size;
    for (let offset = 0; this.#open && offset < end; ) {
      const piece = new Uint8Array(Math.min(pieceLength, end - offset));
      const count = readAt(this.#fd, piece, 0, piece.length, offset);
      if (count === 0) return;
      offset += count;
      yield piece.subarray(0, count);
    }
  }
}

const pieceLength = 256 * 1024;

async function lacksRoom(folder: string): Promise<boolean> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return bavail * bsize < Math.min(mostReserved, blocks * bsize * reservedShare);
}

function openFile(folder: string): number {
  try {
    return openNameless(folder);
  } catch (error) {
    throw new Failure({ doing: "make a file for a dump in", what: folder, why: reasonOf(error), cause: error });
  }
}

const makeRoom = "make room, or name a folder on a larger disk with state_dir under [backup]";

function full(folder: string): Failure {
  const why = "its disk has hardly any room, and this snapshotter wants a seekable file";
  return new Failure({ doing: "make a file for a dump in", what: folder, why, remedy: makeRoom });
}

function wasFull(folder: string, { lastWords }: Ending): string {
  const said = lastWords === "" ? "" : `: ${lastWords}`;
  return `wants a seekable file for its dump, for which the disk of ${JSON.stringify(folder)} has not enough room (${makeRoom})${said}`;
}
