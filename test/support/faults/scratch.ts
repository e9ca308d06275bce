/** Temporary folders that tests fill with anything, undeletable things included. */
import { access, constants, mkdtemp, readFile, realpath, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../services/command.ts";

export type Scratch = AsyncDisposable & {
  /** Absolute and free of links. */
  readonly path: string;
};

/** A scratch folder, for `await using`: on tmpfs if that supports everything in a tree, else in the system's temporary folder. */
export async function scratch(): Promise<Scratch> {
  place ??= findPlace();
  const path = await mkdtemp(join(await place, "sysbackup-test-"));
  return { path, [Symbol.asyncDispose]: () => remove(path) };
}

/** Removes a tree, closed folders and paths beyond PATH_MAX included. Owners may be anybody for root. */
export async function remove(path: string): Promise<void> {
  // Folders that may not be written keep what is in them, also from their owner.
  await run(["chmod", "-R", "u+rwx", "--", path]).catch(() => {});
  await run(["rm", "-rf", "--", path]);
}

let place: Promise<string> | undefined;
const memory = "/dev/shm";
const enoughBytes = 1024 ** 3;

async function findPlace(): Promise<string> {
  return (await memoryServes()) ? memory : realpath(tmpdir());
}

/** Containers often have a small /dev/shm without programs, and tmpfs had no user.* attributes before Linux 6.6. */
async function memoryServes(): Promise<boolean> {
  try {
    const mounts = await readFile("/proc/mounts", "utf8");
    const [, , type, options = ""] =
      mounts
        .split("\n")
        .map((line) => line.split(" "))
        .find(([, at]) => at === memory) ?? [];
    if (type !== "tmpfs" || options.split(",").includes("noexec")) return false;
    const { bavail, bsize } = await statfs(memory);
    if (bavail * bsize < enoughBytes) return false;
    await access(memory, constants.W_OK);
    return await takesXattrs(memory);
  } catch {
    return false;
  }
}

async function takesXattrs(folder: string): Promise<boolean> {
  const probe = await mkdtemp(join(folder, "sysbackup-test-"));
  try {
    await run(["setfattr", "-n", "user.probe", "-v", "1", probe]);
    return true;
  } catch {
    return false;
  } finally {
    await rm(probe, { recursive: true });
  }
}
