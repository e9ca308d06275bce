/** Reads the beginning of a file. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { openRegular } from "./regular-file.ts";

/**
 * Returns the first bytes of a file, or of a pipe, `most` of them at most. Throws the errors of Node.js. Waits for the writer of a fifo,
 * whatever signal comes: call it within `untilAborted`.
 */
export async function readFirstBytes(path: string | Buffer, most: number): Promise<Buffer> {
  await using file = await open(path, constants.O_RDONLY);
  return await readBytes(file, most);
}

/** Reads as `readFirstBytes` does. Throws as `openRegular` does for what is no regular file, and never waits for a writer. */
export async function readFirstBytesOfFile(path: string | Buffer, most: number): Promise<Buffer> {
  await using file = await openRegular(path);
  return await readBytes(file, most);
}

async function readBytes(file: FileHandle, most: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let left = most; left > 0; ) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(left, 65_536)));
    if (bytesRead === 0) break;
    pieces.push(buffer.subarray(0, bytesRead));
    left -= bytesRead;
  }
  return Buffer.concat(pieces);
}
