/** Reads the beginning of a file. */
import { open } from "node:fs/promises";

/** Returns the first bytes of a file, or of a pipe, `most` of them at most. Throws the errors of Node.js. */
export async function readFirstBytes(path: string | Buffer, most: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
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
