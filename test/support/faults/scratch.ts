/** Temporary folders that tests fill with anything, undeletable things included. */
import { readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../services/command.ts";

export type Scratch = AsyncDisposable & {
  /** Absolute and free of links. */
  readonly path: string;
};

/** A scratch folder, for `await using`: in TMPDIR, which is in memory if that supports everything in a tree (`environment.ts`). */
export async function scratch(above: string = tmpdir()): Promise<Scratch> {
  const path = await mkdtemp(join(await realpath(above), "sysbackup-test-"));
  return { path, [Symbol.asyncDispose]: () => remove(path) };
}

/** Removes a tree, closed folders and paths beyond PATH_MAX included. Owners may be anybody for root. */
export async function remove(path: string): Promise<void> {
  // Hardly any tree needs more, and there are thousands: programs are started only for what is left.
  if (isRemoved(Buffer.from(path))) return;
  // Folders that may not be written keep what is in them, also from their owner.
  await run(["chmod", "-R", "u+rwx", "--", path]).catch(() => {});
  await run(["rm", "-rf", "--", path]);
}

/** Folders in each other; each costs as many steps as there are above it. */
const mostDepth = 12;

/** Removes a tree if it is not deep, and nothing in it keeps from being removed. */
function isRemoved(folder: Buffer, depth = 0): boolean {
  try {
    for (const name of readdirSync(folder, { encoding: "buffer" })) {
      const path = Buffer.concat([folder, Buffer.from("/"), name]);
      if (!isUnlinked(path) && (depth === mostDepth || !isRemoved(path, depth + 1))) return false;
    }
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

/** Removes anything but a folder. */
function isUnlinked(path: Buffer): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}
