/** The scripts in docs/pickers.md and docs/snapshotters.md do what the text around them says. */
import { expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { pickPaths } from "../../core/archive/quilting/pickers/pick.ts";
import { notebook, script } from "../core/archive/scripts.ts";
import { scratch } from "../support/faults/scratch.ts";

async function scriptsOf(page: string): Promise<string[]> {
  const text = await Bun.file(resolve(import.meta.dir, "../../docs", page)).text();
  return [...text.matchAll(/^```sh\n#!\/bin\/sh\n(.*?)^```$/gms)].map(([, body]) => body ?? "");
}

test("the pickers of docs/pickers.md print the paths that they claim to", async () => {
  const bodies = await scriptsOf("pickers.md");
  expect(bodies).toHaveLength(2);
  const picked = await Promise.all(
    bodies.map(async (body) => {
      await using folder = await scratch();
      await script(folder.path, "picker", body);
      const { heard, notify } = notebook();
      const batches = await Array.fromAsync(pickPaths({ folder: folder.path, timeoutMs: 10_000, notify }));
      // Only root may read all of /etc.
      if (process.getuid?.() === 0) expect(heard).toEqual([]);
      return batches.flat().map(String);
    }),
  );
  expect(picked[0]).toContain("/etc");
  expect(picked[0]).toContain("/etc/passwd");
  expect(picked[1]).toEqual(["/etc/hostname", "/etc/hosts"]);
});

test("the snapshotter of docs/snapshotters.md can be tried as described there", async () => {
  // The second is of a disk image, which no test machine has.
  const [body, seekable, ...more] = await scriptsOf("snapshotters.md");
  expect(seekable).toStartWith("# sysbackup: seekable\n");
  expect(more).toEqual([]);
  await using folder = await scratch();
  await script(folder.path, "names", body ?? "");
  const dump = join(folder.path, "dump");
  const { stdout, exitCode } = Bun.spawnSync(["sh", "-c", `'${folder.path}/names' 3 3>'${dump}'`]);
  expect(exitCode).toBe(0);
  expect(stdout.toString()).toBe("name and hosts of this machine\n::restore-through:: tar -x -C /\n");
  const listed = Bun.spawnSync(["tar", "-t"], { stdin: Bun.file(dump) });
  expect(listed.stdout.toString()).toBe("etc/hostname\netc/hosts\n");
});
