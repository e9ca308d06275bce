/**
 * `kill -9` at random moments. What the gateway or the disk had taken by then stays, the next run builds upon it, and
 * nothing half made is ever taken for a backup.
 *
 * The moments come from a seed, which is printed: `SYSBACKUP_TEST_SEED=<seed> bun test kill` has the same ones again.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { remove, type Scratch, scratch } from "../support/faults/scratch.ts";
import { full } from "../support/full.ts";
import { type Conf, startSysbackup } from "../support/program.ts";
import { describeTree, type Tree } from "../support/tree/describe.ts";
import { MiB, mixedFiles } from "./data.ts";
import { discard } from "./discard.ts";
import { archive, contentIn, differences, lostBy, restore, rootsIn, temporaryFiles } from "./loop.ts";
import { places } from "./places.ts";
import { randomFrom } from "./random.ts";

const minutes = 60_000;
const bytes = 12 * MiB;
const packSize = MiB;
/** A pack may hold a frame that is larger than packs are to be. */
const largestPack = 2 * MiB;
/** Packs that are on their way at a time: put, but not yet known to be. */
const packsAtOnce = 3;
/** Each run has other moments. */
const wanted = full ? { archive: 20, restore: 6 } : { archive: 4, restore: 2 };

const seed = Number(process.env.SYSBACKUP_TEST_SEED ?? randomInt(2 ** 31));

for (const place of places) {
  describe.skipIf(place.absent)(`kill -9, ${place.name}`, () => {
    let dir: Scratch;
    let tree: string;
    let expected: Tree;
    /** A backup that nothing disturbed. */
    let whole: {
      readonly conf: string;
      readonly milliseconds: number;
      readonly bytesStored: number;
      readonly packs: number;
    };
    const random = randomFrom(seed);
    /** Moments as shares of the run: one in each of as many equal parts as there are kills. */
    const moment = (kill: number, of: number) => (kill + random()) / of;
    const reported: string[] = [];

    beforeAll(async () => {
      dir = await scratch();
      tree = join(dir.path, "tree");
      await mixedFiles(tree, bytes, 160);
      expected = await describeTree(tree);
      const conf = await newHost("whole");
      const [milliseconds, { bytesStored }] = await timed(() => archive(conf));
      whole = { conf, milliseconds, bytesStored, packs: (await contentIn(conf)).versions.length };
    }, 5 * minutes);

    afterAll(async () => {
      console.log([`kill -9, ${place.name}: SYSBACKUP_TEST_SEED=${seed}`, ...reported].join("\n  "));
      await dir[Symbol.asyncDispose]();
    });

    async function newHost(name: string, scripts: Pick<Conf, "pickers" | "snapshotters"> = {}): Promise<string> {
      const home = join(dir.path, name);
      await mkdir(home);
      const pickers = { all: `exec find '${tree}' -print0`, ...scripts.pickers };
      const sections = { content: { pack_size: packSize } };
      return (await place.configure(home, { ...scripts, sections, pickers })).conf;
    }

    async function checkNextRun(conf: string, when: string): Promise<void> {
      const { put, roots } = await settled(conf);
      // Killed after its root was put, a run has made a backup: then that one is whole.
      if (roots.length > 0) expect(await lostBy(conf, { tree, expected })).toEqual([]);

      const next = await archive(conf);
      const all = await contentIn(conf);
      reported.push(`${when}: ${mib(put.bytes)} put, then ${mib(next.bytesStored)}`);
      // A busy gateway may have completed some of the killed run's puts only after the look.
      const late = all.bytes - next.bytesStored - put.bytes;
      expect(late).toBeWithin(0, packsAtOnce * largestPack + 1);
      expect(all.bytes).toBeGreaterThanOrEqual(whole.bytesStored * 0.99);
      expect(all.bytes).toBeLessThanOrEqual(whole.bytesStored * 1.01 + packsAtOnce * largestPack);
      expect(await rootsIn(conf)).toHaveLength(roots.length + 1);
      expect(await lostBy(conf, { tree, expected })).toEqual([]);
    }

    async function checkNextRestore(conf: string, target: string, when: string): Promise<void> {
      const left = [...(await describeTree(tree, { under: target })).values()];
      const complete = left.filter(({ path, type }) => type === "file" && !path.includes("/.sysbackup-"));

      reported.push(`${when}: left ${left.length} entries, ${(await temporaryFiles(target)).length} temporary`);
      const { unchanged } = await restore(conf, "test", target);
      expect(unchanged).toBeGreaterThanOrEqual(complete.length);
      expect(await differences(target, { tree, expected })).toEqual([]);
    }

    test(
      `${wanted.archive} times in an archive: the next run builds upon what was put, and restores identically`,
      async () => {
        let { milliseconds } = whole;
        let tooLate = 0;
        for (let kills = 0; kills < wanted.archive; ) {
          const conf = await newHost(`host-${kills}`);
          const share = moment(kills, wanted.archive);
          const after = share * milliseconds;
          const packs = Math.ceil(share * whole.packs);
          const isByTime = (kills + tooLate) % 2 === 0;
          const due = isByTime ? () => Bun.sleep(after) : () => untilPacks(conf, packs);
          const [took, killed] = await timed(() => killedWhen(["archive", "--conf-dir", conf], due));
          if (killed) {
            kills += 1;
            await checkNextRun(conf, isByTime ? `after ${after.toFixed()} ms` : `at ${packs} packs`);
          } else {
            tooLate += 1;
            milliseconds = Math.min(milliseconds, took);
          }
          await discard(conf);
          await remove(join(conf, ".."));
        }
      },
      60 * minutes,
    );

    for (const kind of ["pickers", "snapshotters"] as const) {
      test(
        `kill -9 in an archive whose ${kind} go on by themselves does not let them keep the next run out`,
        async () => {
          const hangs = join(dir.path, `${kind}-hang`);
          // A snapshotter gets the descriptor for its dump; the output of a picker does not matter here.
          const dump = `head -c 20M /dev/zero >&"\${1:-2}"`;
          const hang = `${dump}; test -e '${hangs}' || { echo $$ > '${hangs}'; exec sleep 600; }`;
          const conf = await newHost(kind, { [kind]: { hang } });
          const child = startSysbackup(["archive", "--conf-dir", conf]);
          const output = Promise.all([child.stdout.text(), child.stderr.text()]);
          while (child.exitCode === null && !existsSync(hangs)) await Bun.sleep(5);
          child.kill("SIGKILL");
          await Promise.all([child.exited, output]);
          expect(await rootsIn(conf)).toEqual([]);

          await archive(conf);
          expect(await rootsIn(conf)).toHaveLength(1);
          expect(await lostBy(conf, { tree, expected })).toEqual([]);
          endIfAlive(Number(await readFile(hangs, "utf8")));
          await discard(conf);
        },
        5 * minutes,
      );
    }

    test(
      `${wanted.restore} times in a restore: the next one completes it, and leaves no temporary files`,
      async () => {
        const { conf } = whole;
        let [milliseconds] = await timed(() => restore(conf, "test", join(dir.path, "measured")));
        for (let kills = 0; kills < wanted.restore; ) {
          const target = join(dir.path, `target-${kills}`);
          await mkdir(target);
          const after = moment(kills, wanted.restore) * milliseconds;
          const [took, killed] = await timed(() =>
            killedWhen(["restore", "test", "--conf-dir", conf, "--target", target], () => Bun.sleep(after)),
          );
          if (killed) {
            kills += 1;
            await checkNextRestore(conf, target, `restore after ${after.toFixed()} ms`);
          } else milliseconds = Math.min(milliseconds, took);
          await remove(target);
        }
      },
      60 * minutes,
    );
  });
}

/** What a killed run has put. What the kernel had taken from it may still be on its way: looks until nothing more comes. */
async function settled(conf: string) {
  const look = async () => ({ put: await contentIn(conf), roots: await rootsIn(conf) });
  for (let before = await look(); ; ) {
    await Bun.sleep(200);
    const now = await look();
    if (now.put.bytes === before.put.bytes && now.roots.length === before.roots.length) return now;
    before = now;
  }
}

async function untilPacks(conf: string, least: number): Promise<void> {
  for (const end = Date.now() + minutes; Date.now() < end; ) {
    if ((await contentIn(conf)).versions.length >= least) return;
    await Bun.sleep(10);
  }
}

/** Starts the program, and kills it, and nothing that it started, when `due` resolves; false if it had ended. */
async function killedWhen(args: readonly string[], due: () => Promise<void>): Promise<boolean> {
  const child = startSysbackup(args);
  const output = Promise.all([child.stdout.text(), child.stderr.text()]);
  await Promise.race([due(), child.exited]);
  child.kill("SIGKILL");
  await Promise.all([child.exited, output]);
  return child.signalCode === "SIGKILL";
}

async function timed<T>(work: () => Promise<T>): Promise<readonly [milliseconds: number, result: T]> {
  const began = performance.now();
  const result = await work();
  return [performance.now() - began, result];
}

function mib(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}

/** `bun --no-orphans`, under which the whole suite runs, may have ended it already. */
function endIfAlive(child: number): void {
  try {
    process.kill(child, "SIGKILL");
  } catch {
    // It is gone.
  }
}
