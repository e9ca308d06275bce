/** Temporary folders that tests fill with anything, undeletable things included. */
import { existsSync } from "node:fs";
import { mkdtemp, realpath, rm } from "node:fs/promises";
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
  await rm(path, { recursive: true, force: true }).catch(() => {});
  if (!existsSync(path)) return;
  // Folders that may not be written keep what is in them, also from their owner.
  await run(["chmod", "-R", "u+rwx", "--", path]).catch(() => {});
  await run(["rm", "-rf", "--", path]);
}
