/** Opens files by names under which there may be a fifo, which would be waited for whatever signal comes, or a device without an end. */

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { codeOf } from "../../failure.ts";

const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Linux takes a lease away after 45 seconds. Some filesystems in FUSE say for ever that a file is to be opened later. */
const longestLeaseMs = 60_000;

/** What is under the name is no file that can be read. */
export class UnreadableKind extends Error {
  override readonly name = "UnreadableKind";
}

/**
 * Opens a regular file for reading. Throws the errors of Node.js, and an `UnreadableKind` for anything else. `patienceMs`: how long another
 * program may hold a lease of it.
 */
export async function openRegular(path: string | Buffer, patienceMs = longestLeaseMs): Promise<FileHandle> {
  return (await openSized(path, patienceMs)).file;
}

/** Opens as `openRegular` does, and says how many bytes the file has. */
export async function openSized(
  path: string | Buffer,
  patienceMs = longestLeaseMs,
): Promise<{ readonly file: FileHandle; readonly size: number }> {
  const file = await opened(path, patienceMs);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw notRegular();
    return { file, size: stat.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Reads it whole. Throws as `openRegular` does, and an `UnreadableKind` for a file of more than `most` bytes. */
export async function readRegular(path: string, most: number): Promise<Buffer> {
  const { file, size } = await openSized(path);
  await using _ = file;
  if (size > most) throw new UnreadableKind(`it has ${size} bytes, more than the ${most} allowed`);
  if (size === 0) return await readUnsized(file, most);
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await file.read(bytes, done, size - done, done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}

/** Some filesystems make up content as it is read (/proc, some in FUSE), and say that there is none. */
async function readUnsized(file: FileHandle, most: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let done = 0; ; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(unsizedPiece), 0, unsizedPiece, done);
    if (bytesRead === 0) return Buffer.concat(pieces);
    done += bytesRead;
    if (done > most) throw new UnreadableKind(`it has more than the ${most} bytes allowed`);
    pieces.push(buffer.subarray(0, bytesRead));
  }
}

const unsizedPiece = 64 * 1024;

/** Reads it whole. Throws as `openRegular` does, and also while another program holds a lease of it. */
export function readRegularSync(path: string): Buffer {
  const fd = openSync(path, flags);
  try {
    if (!fstatSync(fd).isFile()) throw notRegular();
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

const betweenTries = 50;

/** Tries until another program (Samba) has given up its lease of the file: the kernel asks it to, and takes the lease away in the end. */
async function opened(path: string | Buffer, patienceMs: number): Promise<FileHandle> {
  for (let waited = 0; ; waited += betweenTries) {
    try {
      return await open(path, flags);
    } catch (error) {
      const mayOpen = codeOf(error) === "EAGAIN";
      if (!mayOpen || waited >= patienceMs) throw error;
    }
    await setTimeout(betweenTries);
  }
}

function notRegular(): UnreadableKind {
  return new UnreadableKind("it is not a regular file");
}
