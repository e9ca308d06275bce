/**
 * Finds out whether a server that answers a request with an error of its own (500) is broken, or fails at this request alone: some do
 * at keys or versions that they cannot have. A manifest of anybody may name such, and that must not end the job for all others.
 */
import { type Bucket, BucketError } from "../contract.ts";
import { isFatal } from "../fatal.ts";

/** A prefix that every role of the package may list. */
const harmless = "index/";
/** Attempts at a request once the server has failed at single ones: there may be thousands. */
const fewAttempts = 4;
/** Requests that fail alone before there are so few attempts at others. */
const enough = 3;

export class ServerHealth {
  readonly #bucket: Pick<Bucket, "list">;
  #failedAlone = 0;

  constructor(bucket: Pick<Bucket, "list">) {
    this.#bucket = bucket;
  }

  attempts(most: number): number {
    return this.#failedAlone < enough ? most : fewAttempts;
  }

  /** Asks for a list that any server can give. A refusal is an answer, too. */
  async answersOthers(): Promise<boolean> {
    try {
      for await (const _ of this.#bucket.list(harmless)) break;
    } catch (error) {
      if (!(error instanceof BucketError) || isFatal(error)) return false;
    }
    this.#failedAlone += 1;
    return true;
  }
}
