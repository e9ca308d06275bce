/**
 * A check on the state database between runs. SQLite notices damage to its own structure but not to what is kept in it,
 * and rows go into manifests as they are. So a run leaves a checksum of the closed database, and the next one compares.
 */
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { FalseState } from "./tables/false-state.ts";

const blockSize = 1024 * 1024;

/** @internal */
export function checksumPath(path: string): string {
  return `${path}.sum`;
}

/** Writes the checksum of a closed database. On a full disk there is none, and the next run does without the check. */
export async function writeChecksum(path: string): Promise<void> {
  const sum = await checksum(path);
  if (sum === undefined) return;
  await writeFile(checksumPath(path), sum, { mode: 0o600 }).catch(() => rm(checksumPath(path), { force: true }));
}

/**
 * Checks a database that is to be opened, and removes its checksum. Throws a FalseState if it is not as the last run left
 * it. A killed run leaves no checksum: then SQLite's own log has to do.
 */
export async function compareChecksum(path: string): Promise<void> {
  const written = await readFile(checksumPath(path), "utf8").catch(() => undefined);
  if (written === undefined) return;
  await rm(checksumPath(path), { force: true });
  const sum = await checksum(path);
  if (sum !== undefined && sum !== written) throw new FalseState("it is not as the last run left it");
}

/** Returns length and CRC-32 of the file; undefined if there is none, or none that can be read. */
async function checksum(path: string): Promise<string | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const block = Buffer.allocUnsafeSlow(blockSize);
    let size = 0;
    let crc = 0;
    for (;;) {
      const { bytesRead } = await file.read(block, 0, blockSize, size);
      if (bytesRead === 0) return `${size} ${crc.toString(16)}\n`;
      crc = crc32(block.subarray(0, bytesRead), crc);
      size += bytesRead;
    }
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
