/** Buffers results, as a subcommand may print a line for each of a million files. */
import { Failure, reasonOf } from "../core/failure.ts";
import { printable } from "./terminal/printable.ts";

export type Output = {
  line(text: string): void;
  /** Writes bytes as they are. */
  bytes(piece: Uint8Array): void;
  /** Writes what is buffered. Call before the process ends, or lines are lost. */
  flush(): void;
};

const bufferSize = 64 * 1024;

/**
 * `write` takes all of its text or throws. If the reader is gone (EPIPE), calls `onClosed` once and drops the rest.
 * Any other error is a Failure.
 */
export function createOutput(write: (text: string | Uint8Array) => void, onClosed: () => void): Output {
  let held: string[] = [];
  let heldLength = 0;
  let closed = false;

  function flush() {
    const text = held.join("");
    held = [];
    heldLength = 0;
    if (text !== "") send(text);
  }

  function send(results: string | Uint8Array) {
    if (closed) return;
    try {
      write(results);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EPIPE")) {
        throw new Failure({ doing: "write the results", why: reasonOf(error), cause: error });
      }
      closed = true;
      onClosed();
    }
  }

  return {
    line(text) {
      const line = `${printable(text)}\n`;
      held.push(line);
      heldLength += line.length;
      if (heldLength >= bufferSize) flush();
    },
    bytes(piece) {
      flush();
      send(piece);
    },
    flush,
  };
}
