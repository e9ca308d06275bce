/** Buffers results, as a subcommand may print a line for each of a million files. */
import { codeOf, Failure, reasonOf } from "../core/failure.ts";
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
  let held: (string | Uint8Array)[] = [];
  let heldLength = 0;
  let closed = false;

  function flush() {
    const results = joined(held);
    held = [];
    heldLength = 0;
    if (results.length > 0) send(results);
  }

  function send(results: string | Uint8Array) {
    if (closed) return;
    try {
      write(results);
    } catch (error) {
      if (codeOf(error) !== "EPIPE") {
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
      if (piece.length >= bufferSize) {
        flush();
        send(piece);
        return;
      }
      // A copy, as the caller may change it.
      held.push(Buffer.from(piece));
      heldLength += piece.length;
      if (heldLength >= bufferSize) flush();
    },
    flush,
  };
}

function joined(results: readonly (string | Uint8Array)[]): string | Uint8Array {
  if (results.every((result) => typeof result === "string")) return results.join("");
  return Buffer.concat(results.map((result) => (typeof result === "string" ? Buffer.from(result) : result)));
}
