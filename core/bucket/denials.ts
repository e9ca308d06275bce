/**
 * Tells a role that lacks a right from objects that nobody may read: who may put can have one encrypted with a key of their own, and
 * the server's answer is the same.
 */
import type { BucketError } from "./contract.ts";

/** Objects that are denied before any other is read, after which the role counts as one that may read none: each costs a request. */
const mostDenied = 100;

export class Denials {
  #first: BucketError | undefined;
  #count = 0;
  #anyRead = false;

  /** Call for each object that was answered otherwise, even if it is of no use. */
  passed(): void {
    this.#anyRead = true;
  }

  /** Throws the first error if so many were denied, and none read. */
  add(error: BucketError): void {
    this.#first ??= error;
    this.#count += 1;
    if (this.#count >= mostDenied) this.end();
  }

  /** Throws the first error if none was read. Call at the end. */
  end(): void {
    if (this.#first !== undefined && !this.#anyRead) throw this.#first;
  }
}
