/** Reads the beginning of a file. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

/**
 * Returns the first bytes of a file, or of a pipe, `most` of them at most. Throws the errors of Node.js. Waits for the writer of a fifo,
 * whatever signal comes: call it within `untilAborted`.
 */
export function readFirstBytes(path: string | Buffer, most: number): Promise<Buffer> {
  return readBytes(path, most, constants.O_RDONLY);
}

/** Reads as `readFirstBytes` does. Throws an Error for what is no regular file, and never waits. */
export function readFirstBytesOfFile(path: string | Buffer, most: number): Promise<Buffer> {
  return readBytes(path, most, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
}

async function readBytes(path: string | Buffer, most: number, flags: number): Promise<Buffer> {
  const file = await open(path, flags);
  try {
    if ((flags & constants.O_NONBLOCK) !== 0 && !(await file.stat()).isFile())
      throw new Error("it is not a regular file");
    const pieces: Buffer[] = [];
    for (let left = most; left > 0; ) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(left, 65_536)));
      if (bytesRead === 0) break;
      pieces.push(buffer.subarray(0, bytesRead));
      left -= bytesRead;
    }
    return Buffer.concat(pieces);
  } finally {
    await file.close();
  }
}
