/** The file of a trace: made for its owner alone, and written in blocks. */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { exitStatus, Failure, reasonOf } from "../failure.ts";
import { type OnSpan, startTrace } from "../trace.ts";

const blockSize = 64 * 1024;
const ownerOnly = 0o600;

export type TraceFile = {
  /** Writes what is left. Returns why the file is not complete, if it is not. */
  end(): string | undefined;
};

/**
 * Makes the file and starts the trace. Throws a Failure (exit 2) if something has that name: a file or link of another user
 * must not be written to. A full disk ends the trace, and not the run.
 */
export function traceTo(path: string, clock: () => number, ended?: OnSpan): TraceFile {
  const file = makeFile(path);
  let block = "";
  let failure: string | undefined;
  const flush = () => {
    try {
      if (failure === undefined) writeWhole(file, Buffer.from(block));
    } catch (error) {
      failure = reasonOf(error);
    }
    block = "";
  };
  const endTrace = startTrace({
    clock,
    ended,
    write(text) {
      block += text;
      if (block.length >= blockSize) flush();
    },
  });
  return {
    end() {
      endTrace();
      flush();
      closeSync(file);
      return failure;
    },
  };
}

function makeFile(path: string): number {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, ownerOnly);
  } catch (error) {
    const remedy = "name a file that does not exist, in a folder that does";
    const why = reasonOf(error);
    throw new Failure({ doing: "write the trace to", what: path, why, remedy, exit: exitStatus.usage, cause: error });
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(writeSync(file, rest));
}
