/** Pauses work that never waits for anything. Without them, the progress bar and Ctrl-C would wait for its end. */

/** Bytes read or hashed between two pauses: some ten milliseconds. */
const interval = 16 * 1024 * 1024;
/** Bytes that count for an entry without content. */
const perEntry = 16 * 1024;

export class Pauses {
  #done = 0;

  constructor(readonly signal: AbortSignal) {}

  /** Counts bytes of work. Returns true when it is time to `take` a pause. */
  due(bytes: number): boolean {
    this.#done += bytes + perEntry;
    return this.#done >= interval;
  }

  /** Takes a pause. Throws the reason of an abort. */
  async take(): Promise<void> {
    this.#done = 0;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.signal.throwIfAborted();
  }
}
