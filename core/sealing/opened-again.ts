/** Opens what was sealed while it is stored, to find out whether that gives what went in. */

import type { SealingWay } from "../format/codecs/sealing.ts";
import { altered } from "../format/error.ts";
import { release } from "../system/threads/garbage.ts";

export class OpenedAgain {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #digest: Promise<string>;

  /** `taken`: bytes that went in so far. If more come out, it is ended: it may have no end of its own. */
  constructor(open: SealingWay, taken: () => number) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#writer = writable.getWriter();
    this.#digest = digestOf(open(readable), taken);
    // Errors are for the caller of `digest`, if there is one.
    this.#digest.catch(() => {});
    this.#writer.closed.catch(() => {});
  }

  /** Opens the next piece, of which it keeps nothing. Waits until the command takes more. */
  async take(piece: Uint8Array): Promise<void> {
    // Refused once the command has ended: the digest says why.
    await this.#writer.write(new Uint8Array(piece)).catch(() => {});
  }

  /** Returns the SHA-256 of all that was opened, in hex. Throws as opening does. */
  async digest(): Promise<string> {
    await this.#writer.close().catch(() => {});
    return this.#digest;
  }

  /** Ends the command, if it still runs. */
  async abandon(): Promise<void> {
    await this.#writer.abort(new Error("it was not sealed to its end")).catch(() => {});
  }
}

async function digestOf(opened: AsyncIterable<Uint8Array>, taken: () => number): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  let given = 0;
  for await (const piece of opened) {
    given += piece.length;
    if (given > taken()) throw altered("open_through of conf gives more than what went in");
    hash.update(piece);
    release(piece);
  }
  return hash.digest("hex");
}
