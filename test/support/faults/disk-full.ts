/** A filesystem that is full after so many bytes. */
import { run } from "../services/command.ts";
import { type Scratch, scratch } from "./scratch.ts";

const mount = ["mount", "-t", "tmpfs", "sysbackup-test"];

/** Whether this process may mount; if not, tests that need it are skipped. */
export const mayMount = process.getuid?.() === 0 && (await probe());

/** A mounted tmpfs, for `await using`, with room for `bytes` of content, rounded up to full pages. */
export async function diskFull(bytes: number): Promise<Scratch> {
  const folder = await scratch();
  try {
    await run([...mount, folder.path, "-o", `size=${bytes},mode=0755`]);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  return {
    path: folder.path,
    [Symbol.asyncDispose]: async () => {
      // Lazy, because a child that was killed may hold it for a moment longer.
      await run(["umount", "--lazy", folder.path]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Whether a tmpfs can be mounted, tried in its own mount namespace. */
async function probe(): Promise<boolean> {
  await using folder = await scratch();
  return await run(["unshare", "--mount", ...mount, folder.path]).then(
    () => true,
    () => false,
  );
}
