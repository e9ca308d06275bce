/** The AWS CLI for scripts that call it very often. */
import { chmod, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { scratch } from "../faults/scratch.ts";

export type AwsCli = AsyncDisposable & {
  /** A folder with an `aws`, to be searched before others. */
  readonly folder: string;
};

/** Loads the installed AWS CLI once, in a process that runs its commands. */
export async function residentAws(): Promise<AwsCli> {
  const [python, own] = [await pythonOfAws(), await scratch()];
  const socket = join(own.path, "socket");
  const client = join(own.path, "aws");
  // Isolated, and without what is installed: so it starts in milliseconds.
  await writeFile(client, `#!/bin/sh\nexec '${python}' -I -S '${join(import.meta.dir, "aws.py")}' '${socket}' "$@"\n`);
  await chmod(client, 0o755);
  const child = Bun.spawn([python, join(import.meta.dir, "resident.py"), socket], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await child.stdout.getReader().read();
  if (value === undefined) throw new Error(`the AWS CLI of ${JSON.stringify(python)} did not load`);
  return {
    folder: own.path,
    [Symbol.asyncDispose]: async () => {
      await child.stdin.end();
      await child.exited;
      await own[Symbol.asyncDispose]();
    },
  };
}

/** The interpreter in the first line of the installed program, which a machine may have wrapped in another one. */
async function pythonOfAws(): Promise<string> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const text = await readFile(join(folder, "aws"), "utf8").catch(() => "");
    const python = /^#!(\/\S*\/python[\d.]*)\n/.exec(text)?.[1];
    if (python !== undefined) return python;
  }
  throw new Error("aws is not installed as a script of Python");
}
