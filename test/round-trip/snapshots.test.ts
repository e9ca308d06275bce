/** Dumps of any size, from a snapshotter's pipe into the bucket and back into a command. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { remove, type Scratch, scratch } from "../support/faults/scratch.ts";
import { full } from "../support/full.ts";
import { type Outcome, startSysbackup, writeConf } from "../support/program.ts";
import { run } from "../support/services/command.ts";
import { MiB } from "./data.ts";
import { discard } from "./discard.ts";
import { restoredExit, versionsIn } from "./loop.ts";
import { places, thorough } from "./places.ts";

const minutes = 60_000;
/**
 * MiB, many in each. What is whole in memory shows in dumps that are objects: that of packs, a long dump below tells. The noise is stored as it is
 * under either compression, so that one of them shows what memory it takes.
 */
function sizesOf({ layout, compression }: (typeof kinds)[number]) {
  const isLarge = thorough && layout === "objects" && compression === "zstd";
  return { noise: isLarge ? 200 : 20, lines: thorough ? 60 : 20 };
}
/** What the whole program may take, by design. */
const mostMemory = 256 * MiB;

/** Shell commands: `noise` does not compress. Each prints the same each time. */
const noiseOf = (mebibytes: number) => `python3 -c '
import random, sys
source = random.Random(7)
for _ in range(${mebibytes}): sys.stdout.buffer.write(source.randbytes(1 << 20))'`;
const linesOf = (mebibytes: number) => `seq ${mebibytes * 20_000}`;

const kinds = [
  { layout: "packs", compression: "zstd" },
  { layout: "objects", compression: "zstd" },
  // Packs know no gzip.
  ...(thorough ? [{ layout: "objects", compression: "gzip" } as const] : []),
] as const;

for (const place of places) {
  for (const content of kinds) {
    const { layout, compression } = content;
    const mebibytes = sizesOf(content);
    const noise = noiseOf(mebibytes.noise);
    const lines = linesOf(mebibytes.lines);

    describe.skipIf(place.absent)(`snapshots, ${place.name}, ${layout}, ${compression}`, () => {
      let dir: Scratch;
      let conf: string;
      let target: string;
      let archived: Outcome & { readonly memory: number };

      beforeAll(async () => {
        dir = await scratch();
        target = join(dir.path, "target");
        const through = (name: string) => `echo "::restore-through:: b2sum > '${dir.path}/seen-${name}'"`;
        ({ conf } = await place.configure(dir.path, {
          sections: { content },
          pickers: { all: `echo '${dir.path}/conf/conf'` },
          snapshotters: {
            noise: `${through("noise")}\n${noise} >&3`,
            lines: `${through("lines")}\n${lines} >&3`,
            broken: `${through("broken")}\necho the beginning >&3\necho out of order >&2\nexit 7`,
          },
        }));
        archived = await measured(["archive", "--conf-dir", conf]);
      }, 5 * minutes);

      afterAll(async () => {
        await discard(conf);
        await dir[Symbol.asyncDispose]();
      });

      async function restored(choice: string): Promise<Outcome & { readonly memory: number }> {
        await remove(target);
        return measured(["restore", "test", "--conf-dir", conf, "--target", target, "--snapshots", choice, "--yes"]);
      }

      test("snapshots are stored completely, in bounded memory; a failed one is reported and stored", async () => {
        expect(archived.exit).toBe(3);
        expect(archived.stderr).toContain('"broken" exited with status 7: out of order');
        expect(archived.memory).toBeLessThan(mostMemory);
        const dumps = (await versionsIn(conf, "snapshots/")).filter(({ key }) => !key.endsWith("-lock-proof"));
        if (layout === "packs") {
          expect(dumps).toEqual([]);
          const stored = (await versionsIn(conf, "packs/")).reduce((sum, { size }) => sum + size, 0);
          expect(stored).toBeWithin(mebibytes.noise * MiB, mebibytes.noise * MiB * 1.05 + mebibytes.lines * 80_000);
          return;
        }
        const sizes = new Map(dumps.map(({ key, size }) => [nameOf(key), size]));
        const suffix = compression === "zstd" ? ".zst" : ".gz";
        expect([...sizes.keys()].sort()).toEqual(["broken", `lines${suffix}`, "noise"]);
        expect(sizes.get("noise")).toBe(mebibytes.noise * MiB);
        expect(sizes.get(`lines${suffix}`)).toBeLessThan(mebibytes.lines * 80_000);
      });

      test(
        "--snapshots run gives each command exactly the bytes; a failed one is fetched and reported",
        async () => {
          const { exit, stderr, memory } = await restored("run");
          expect(exit).toBe(3);
          expect(stderr).toContain('snapshot "broken" is stored as "sysbackup-snapshots/broken"');
          expect(memory).toBeLessThan(mostMemory);
          expect(await readdir(join(target, "sysbackup-snapshots"))).toEqual(["broken"]);
          expect(await run(["cat", join(dir.path, "seen-noise")])).toBe(await printed(noise));
          expect(await run(["cat", join(dir.path, "seen-lines")])).toBe(await printed(lines));
          await expect(access(join(dir.path, "seen-broken"))).rejects.toThrow("ENOENT");
        },
        5 * minutes,
      );

      test(
        "--snapshots fetch writes the dumps into files",
        async () => {
          const { exit, memory } = await restored("fetch");
          expect(exit).toBe(3);
          expect(memory).toBeLessThan(mostMemory);
          const folder = join(target, "sysbackup-snapshots");
          expect((await readdir(folder)).sort()).toEqual(["broken", "lines", "noise", "replay.sh"]);
          expect(await digestOf(`cat '${folder}/noise'`)).toBe(await printed(noise));
          expect(await digestOf(`cat '${folder}/lines'`)).toBe(await printed(lines));
          expect(await Bun.file(join(folder, "broken")).text()).toBe("the beginning\n");
        },
        5 * minutes,
      );

      test("--snapshots skip restores none of them", async () => {
        expect(await restored("skip")).toMatchObject({ exit: restoredExit });
        expect(await readdir(target)).not.toContain("sysbackup-snapshots");
      });

      test("--snapshots ask without a terminal is refused before anything is restored, with the remedy", async () => {
        const { exit, stderr } = await restored("ask");
        expect(exit).toBe(2);
        expect(stderr).toBe(
          "sysbackup: cannot ask whether to replay the snapshots of this backup: there is no terminal; say it by --snapshots run --yes, --snapshots fetch (as files) or --snapshots skip\n",
        );
        await expect(access(target)).rejects.toThrow("ENOENT");
      });
    });
  }
}

/** MiB of a dump of which each 64 MiB are the same: it needs little room in a bucket, and has chunks as any other. */
const longDump = full ? 8192 : 192;

test(
  "a long dump goes in and out in the memory of a short one, and what is in it twice is stored once",
  async () => {
    await using dir = await scratch();
    const block = join(dir.path, "block");
    await run(["sh", "-c", `head -c ${64 * MiB} /dev/urandom > '${block}'`]);
    const dumpOf = (mebibytes: number) => `for _ in $(seq ${mebibytes / 64}); do cat '${block}'; done`;
    const peak = async (name: string, mebibytes: number) => {
      const home = join(dir.path, name);
      const { conf, bucket } = await writeConf(home, {
        snapshotters: { long: `echo "::restore-through:: b2sum > '${home}/seen'"\n{ ${dumpOf(mebibytes)}; } >&3` },
      });
      const archived = await measured(["archive", "--conf-dir", conf]);
      expect([archived.exit, archived.stderr]).toEqual([0, ""]);
      const words = ["--target", join(home, "target"), "--snapshots", "run", "--yes"];
      const restored = await measured(["restore", "test", "--conf-dir", conf, ...words]);
      expect([restored.exit, restored.stderr]).toEqual([restoredExit, expect.anything()]);
      expect(await Bun.file(join(home, "seen")).text()).toBe(await digestOf(dumpOf(mebibytes)));
      const stored = Number((await run(["du", "-sb", bucket])).split("\t")[0]);
      return { archived: archived.memory, restored: restored.memory, stored };
    };
    const short = await peak("short", 64);
    const long = await peak("long", longDump);
    expect(long.stored).toBeLessThan(short.stored * 1.1 + longDump * 4_000);
    for (const figure of ["archived", "restored"] as const) {
      expect(long[figure]).toBeLessThan(Math.max(mostMemory, short[figure]));
      expect(long[figure] - short[figure]).toBeLessThan(64 * MiB);
    }
  },
  60 * minutes,
);

/** Runs it without a terminal, as cron does. `memory` is the most that it took, in bytes. */
async function measured(args: readonly string[]) {
  const child = startSysbackup(args, { detached: true });
  const output = Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  // Not its `maxRSS`, which begins with what this process has.
  let memory = Number.NaN;
  while (child.exitCode === null && child.signalCode === null) {
    memory = (await peakOf(child.pid)) ?? memory;
    await Bun.sleep(10);
  }
  const [stdout, stderr, exit] = await output;
  return { exit, stdout, stderr, memory };
}

async function peakOf(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** `snapshots/test/20261121T020003Z-lines.zst` is of `lines.zst`. */
function nameOf(key: string): string {
  return key.slice(key.lastIndexOf("-") + 1);
}

/** The digest of what a command prints, in the form that `b2sum` has it. */
async function digestOf(command: string): Promise<string> {
  return run(["sh", "-c", `${command} | b2sum`]);
}

const known = new Map<string, Promise<string>>();

/** The same of a command that prints the same each time, which is run once. */
function printed(command: string): Promise<string> {
  const digest = known.get(command) ?? digestOf(command);
  known.set(command, digest);
  return digest;
}
