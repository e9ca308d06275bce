/**
 * Reads back some of the locks that a server says it has changed: there are servers that answer with success, and change
 * nothing. One request more for each would double what a run costs, so the first is read back, and each whose number is a power of
 * two; once one was not changed, every further one.
 */
import type { FailureParts } from "../failure.ts";
import { BucketError, type BucketReader, type Retention, type Stored } from "./contract.ts";
import { isDenied } from "./fatal.ts";
import { isEnough } from "./retention.ts";

/** A lock that is not as the server said it would be. */
export class NotChanged extends BucketError {
  constructor(
    readonly lock: Retention | undefined,
    parts: FailureParts,
  ) {
    super("denied", parts);
  }
}

export class ExtensionCheck {
  #asked = 0;
  #lied = false;
  #mayRead = true;
  readonly #bucket: Pick<BucketReader, "retention">;

  constructor(bucket: Pick<BucketReader, "retention">) {
    this.#bucket = bucket;
  }

  /** Whether a lock that was read back was not changed: what was not read back before is to be looked at. */
  get lied(): boolean {
    return this.#lied;
  }

  /** Call after each extension. Returns whether it was read back, and throws NotChanged if the lock is not as was asked for. */
  async pass(object: Pick<Stored, "key" | "version">, wanted: Retention): Promise<boolean> {
    this.#asked += 1;
    const isDue = this.#lied || (this.#asked & (this.#asked - 1)) === 0;
    if (!isDue || !this.#mayRead) return false;
    await this.mustKeep(object, wanted);
    return this.#mayRead;
  }

  /** Throws NotChanged if the lock is not as was asked for. A role that may not read locks leaves it open. */
  async mustKeep({ key, version }: Pick<Stored, "key" | "version">, wanted: Retention): Promise<void> {
    const lock = await this.#read(key, version);
    if (lock === "denied") {
      this.#mayRead = false;
      return;
    }
    if (lock !== undefined && isEnough(lock, wanted)) return;
    this.#lied = true;
    const has = lock === undefined ? "has no lock" : `is locked until ${lock.until.toISOString()} (${lock.mode})`;
    throw new NotChanged(lock, {
      doing: "extend the lock of",
      what: key,
      why: `the server answered that it did, and the object ${has}`,
      remedy: "use a service that keeps locks; see docs/retention.md",
    });
  }

  async #read(key: string, version: string): Promise<Retention | undefined | "denied"> {
    try {
      return await this.#bucket.retention(key, version);
    } catch (error) {
      if (isDenied(error)) return "denied";
      throw error;
    }
  }
}
