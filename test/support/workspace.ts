/** The folder of a whole test run: whatever tests leave in it, killed ones too, is gone when the run ends. */
import { chmod, readFile } from "node:fs/promises";
import { type Scratch, scratch } from "./faults/scratch.ts";
import { run } from "./services/command.ts";

/** For `await using`. Anyone may write in it, as in `/tmp`. */
export async function openWorkspace(): Promise<Scratch> {
  const folder = await scratch();
  await chmod(folder.path, 0o1777);
  return {
    path: folder.path,
    [Symbol.asyncDispose]: async () => {
      for (const mount of await mountsIn(folder.path)) await run(["umount", "--lazy", "--", mount]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The innermost first. */
async function mountsIn(folder: string): Promise<string[]> {
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" ")[1] ?? "");
  return mounts.filter((path) => path.startsWith(`${folder}/`)).toReversed();
}
