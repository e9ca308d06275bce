/**
 * Waits for files that other programs have locked: for all of them side by side, within one time for the whole run, so that it does
 * not matter how many there are.
 */
import { type Stat, sameInode } from "../../../system/filesystem/stat.ts";

/** Milliseconds that a run may still wait for locks. */
export type LockBudget = { left: number };

/** `gone`: it cannot be read any more, and was closed. */
export type LockAttempt = "locked" | "busy" | "gone";

/** `waited`: other files came in between, so that a look from before may be old. */
export type Taking = { readonly locked: boolean; readonly waited: boolean };

export type LockWaitDeps<File> = {
  readonly tryToLock: (file: File) => LockAttempt;
  /** Reads a file and closes it. */
  readonly take: (file: File, how: Taking) => Promise<void>;
  readonly budget: LockBudget;
  readonly sleep: (milliseconds: number) => Promise<void>;
};

/** Open files that may wait. */
const mostWaiting = 256;
const shortestPause = 5;
const longestPause = 100;

export class LockWait<File extends { readonly stat: Stat }> {
  readonly #deps: LockWaitDeps<File>;
  readonly #waiting: File[] = [];

  constructor(deps: LockWaitDeps<File>) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Returns whether a file with the same inode waits. */
  has(stat: Stat): boolean {
    return this.#waiting.some((one) => sameInode(one.stat, stat));
  }

  /**
   * Takes a file if it can be locked, else puts it aside. The names of one file are taken in the order in which they come, as the
   * first of them stands for the others.
   */
  async takeOrWait(file: File): Promise<void> {
    const attempt = this.has(file.stat) ? "busy" : this.#deps.tryToLock(file);
    if (attempt === "locked") await this.#deps.take(file, { locked: true, waited: false });
    if (attempt !== "busy") return;
    this.#waiting.push(file);
    if (this.#waiting.length >= mostWaiting) await this.takeAll();
  }

  /** Takes all that were put aside: each when it can be locked; without a lock when the time is over. */
  async takeAll(): Promise<void> {
    const { budget, sleep, take } = this.#deps;
    for (let pause = shortestPause; ; pause = Math.min(2 * pause, longestPause)) {
      await this.#takeLockable();
      if (this.#waiting.length === 0 || budget.left <= 0) break;
      const duration = Math.min(pause, budget.left);
      budget.left -= duration;
      await sleep(duration);
    }
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await take(next, { locked: false, waited: true });
    }
  }

  /** Gives up waiting. Returns the files, which the caller closes. */
  abandon(): File[] {
    return this.#waiting.splice(0);
  }

  async #takeLockable(): Promise<void> {
    for (const file of [...this.#waiting]) {
      const at = this.#waiting.indexOf(file);
      if (this.#isSecondName(file, at)) continue;
      const attempt = this.#deps.tryToLock(file);
      if (attempt === "busy") continue;
      this.#waiting.splice(at, 1);
      if (attempt === "locked") await this.#deps.take(file, { locked: true, waited: true });
    }
  }

  #isSecondName({ stat }: File, at: number): boolean {
    const first = this.#waiting.findIndex((one) => sameInode(one.stat, stat));
    return first < at;
  }
}
