/**
 * A check on the state database between runs. SQLite notices damage to its own structure but not to what is kept in it,
 * and rows go into manifests as they are. So a run leaves a checksum of the closed database, and the next one compares.
 */
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { FalseState } from "./false-state.ts";

const blockSize = 1024 * 1024;

/** @internal */
export function sealPath(path: string): string {
  return `${path}.sum`;
}

/** For a database that was closed. Where the disk is full there is no seal, and the next run does without the check. */
export async function sealState(path: string): Promise<void> {
  const sum = await checksum(path);
  if (sum === undefined) return;
  await writeFile(sealPath(path), sum, { mode: 0o600 }).catch(() => rm(sealPath(path), { force: true }));
}

/**
 * For a database that is to be opened; takes the seal away. Throws a FalseState where it is not as it was sealed. A killed
 * run leaves no seal: then SQLite's own log has to do.
 */
export async function unsealState(path: string): Promise<void> {
  const sealed = await readFile(sealPath(path), "utf8").catch(() => undefined);
  if (sealed === undefined) return;
  await rm(sealPath(path), { force: true });
  const sum = await checksum(path);
  if (sum !== undefined && sum !== sealed) throw new FalseState("it is not as the last run left it");
}

/** Length and CRC-32 of the file; undefined where there is none, or none that can be read. */
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
