/** Inputs made to exhaust the memory of the program, met by the program itself: its peak is measured. */
import { expect } from "bun:test";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { writeConf } from "../support/program.ts";
import { python3 } from "../support/python.ts";
import { run } from "../support/services/command.ts";

for (const [layout, islands, distance, most] of [
  // Of an object, each island is an extent with a digest, so fewer are kept apart.
  ["packs", 125_000, 24 * 1024, 1_100_000],
  ["objects", 32_000, 96 * 1024, 300_000],
] as const) {
  attack(
    {
      by: "U",
      what: "a sparse file of 3 GB with very many islands",
      before: "950 MB to archive, and to restore",
      now: "archived and restored",
      peak: 240,
    },
    async () => {
      await using folder = await scratch();
      const files = join(folder.path, "files");
      await mkdir(files);
      makeIslands(join(files, "islands"), islands, distance);
      const pickers = { all: `find '${files}' -print0` };
      const { conf } = await writeConf(folder.path, { sections: { content: { layout } }, pickers });
      const archived = await sysbackupPeak(["archive", "--conf-dir", conf]);
      expect(archived).toMatchObject({ exit: 0 });
      const target = join(folder.path, "target");
      const restored = await sysbackupPeak(["restore", "test", files, "--conf-dir", conf, "--target", target]);
      expect(restored).toMatchObject({ exit: 0 });
      const copy = join(target, files, "islands");
      await run(["cmp", join(files, "islands"), copy]);
      expect((await stat(copy)).blocks).toBeLessThan(most);
      console.log(`sparse, ${layout}: archive ${archived.peakMiB} MiB, restore ${restored.peakMiB} MiB`);
      return Math.max(archived.peakMiB, restored.peakMiB);
    },
    { variant: layout },
  );
}

function makeIslands(path: string, count: number, distance: number): void {
  const fd = openSync(path, "w");
  const island = Buffer.alloc(4_096);
  for (let number = 0; number < count; number += 1) {
    island.writeUInt32LE(number, 0);
    writeSync(fd, island, 0, island.length, number * distance);
  }
  ftruncateSync(fd, count * distance);
  closeSync(fd);
}

attack(
  {
    by: "U",
    what: "very many files that stay locked",
    before: "5 s each: 28 hours for 20,000",
    now: "one lock_timeout for all of them; 1,000 of the notices listed",
    peak: 200,
  },
  async () => {
    await using folder = await scratch();
    const files = join(folder.path, "files");
    await mkdir(files);
    const sections = { content: { lock_timeout: 3 } };
    const { conf } = await writeConf(folder.path, { sections, pickers: { all: `find '${files}' -print0` } });
    await using _ = await lockedFiles(files, 5_000);
    const began = performance.now();
    const archived = await sysbackupPeak(["archive", "--conf-dir", conf, "--json"]);
    expect(performance.now() - began).toBeLessThan(60_000);
    expect(archived.exit).toBe(3);
    expect(JSON.parse(archived.stdout)).toMatchObject({ warnings: 5_000, new: 5_000 });
    expect(archived.stderr.match(/it was copied without a lock/g)).toHaveLength(1_000);
    expect(archived.stderr).toContain("4000 more notices of the kind unlocked-copy were counted, but not listed");
    return archived.peakMiB;
  },
);

/** Makes files that another process keeps locked. */
async function lockedFiles(folder: string, count: number): Promise<AsyncDisposable> {
  const script = `import fcntl, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
files = [open(f"{sys.argv[1]}/{number}", "w") for number in range(int(sys.argv[2]))]
for file in files: file.write("content"); file.flush(); fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()`;
  const child = Bun.spawn([python3, "-c", script, folder, String(count)], { stdin: "pipe", stdout: "pipe" });
  await child.stdout.getReader().read();
  return {
    async [Symbol.asyncDispose]() {
      await child.stdin.end();
      await child.exited;
    },
  };
}
