/** SIGINT and SIGTERM: the run ends soon and cleanly, and the next one completes. */
import { describe, expect, test } from "bun:test";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fromText } from "../../core/format/path.ts";
import { scratch } from "../support/faults/scratch.ts";
import { type ConfPaths, type Outcome, startSysbackup } from "../support/program.ts";
import { isRoot } from "../support/services.ts";
import { describeTree, type Tree } from "../support/tree/describe.ts";
import { MiB, mixedFiles } from "./data.ts";
import { leftovers } from "./leftovers.ts";
import { archive, differences, lostBy, restore, restoredExit, rootsIn, versionsIn } from "./loop.ts";
import { type Place, places, thorough } from "./places.ts";

const minutes = 60_000;
const seconds = 1_000;
const bytes = 8 * MiB;
const packSize = MiB;

/** Both go the same way: on the gateway, one shows it. */
const signalsIn = (place: Place) =>
  thorough && place.name === "directory" ? (["SIGINT", "SIGTERM"] as const) : (["SIGTERM"] as const);

type Setting = {
  /** Scratch folder; `go` in it ends all hanging processes, and `hangs` has the id of one that hangs. */
  readonly dir: string;
  readonly tree: string;
  readonly expected: Tree;
  readonly conf: string;
  /** The program's TMPDIR. */
  readonly temporary: string;
};

/** Shell code that hangs, as a process that the test can find, until `go` exists. */
const hang = (dir: string) => `test -e '${dir}/go' || { echo $$ > '${dir}/hangs'; exec sleep 600; }`;

type Scripts = {
  readonly pickers?: Record<string, string>;
  readonly snapshotters?: Record<string, string>;
  readonly layout?: string;
};

async function prepare(
  place: Place,
  dir: string,
  { pickers = {}, snapshotters = {}, layout = "packs" }: Scripts = {},
  { size, files } = { size: bytes, files: 160 },
): Promise<Setting> {
  const [tree, temporary] = [join(dir, "tree"), join(dir, "tmp")];
  await mkdir(temporary);
  await mixedFiles(tree, size, files);
  const { conf }: ConfPaths = await place.configure(dir, {
    sections: { content: { pack_size: packSize, lock_timeout: 600, layout } },
    pickers: { all: `exec find '${tree}' -print0`, ...pickers },
    snapshotters,
  });
  return { dir, tree, temporary, conf, expected: await describeTree(tree) };
}

type Interruption = { readonly signal: NodeJS.Signals; readonly when: () => Promise<boolean> };

/** Runs the program, and sends the signal as soon as `when` holds. */
async function interrupted(
  args: readonly string[],
  { temporary }: Setting,
  { signal, when }: Interruption,
): Promise<Outcome & { readonly milliseconds: number }> {
  const child = startSysbackup(args, { env: { TMPDIR: temporary } });
  const output = Promise.all([child.stdout.text(), child.stderr.text()]);
  // Each look may be a request.
  while (child.exitCode === null && !(await when())) await Bun.sleep(10);
  const began = performance.now();
  child.kill(signal);
  const [[stdout, stderr], exit] = await Promise.all([output, child.exited]);
  return { exit, stdout, stderr, milliseconds: performance.now() - began };
}

/** The process that hangs, once it does. */
async function hanging(dir: string): Promise<number | undefined> {
  const text = await readFile(join(dir, "hangs"), "utf8").catch(() => "");
  return text.endsWith("\n") ? Number(text) : undefined;
}

function isAlive(process_: number): boolean {
  try {
    return process.kill(process_, 0);
  } catch {
    return false;
  }
}

function expectInterrupted(outcome: Outcome & { readonly milliseconds: number }, signal: string): void {
  const { exit, stdout, stderr, milliseconds } = outcome;
  // Without root, a warning says that the folders above the tree belong to others.
  const reported = stderr.split("\n").filter((line) => isRoot || !line.startsWith("warning: cannot set the owner"));
  expect({ exit, stdout, reported }).toEqual({
    exit: 130,
    stdout: "",
    reported: [`sysbackup: interrupted by ${signal}`, ""],
  });
  expect(milliseconds).toBeLessThan(30 * seconds);
}

/** After an archive: no backup, nothing half made, nobody left behind; and the next run makes a whole one. */
async function expectCleanEnd({ dir, tree, expected, conf, temporary }: Setting): Promise<void> {
  const process_ = await hanging(dir);
  expect(process_ !== undefined && isAlive(process_)).toBe(false);
  expect(await readdir(temporary)).toEqual([]);
  expect(await leftovers(conf)).toEqual([]);
  expect(await rootsIn(conf)).toEqual([]);
  const dumps = (await versionsIn(conf, "snapshots/")).filter(({ key }) => !key.endsWith("-lock-proof"));
  expect(dumps).toEqual([]);

  await writeFile(join(dir, "go"), "");
  await archive(conf);
  expect(await lostBy(conf, { tree, expected })).toEqual([]);
}

for (const place of places) {
  for (const signal of signalsIn(place)) {
    describe.skipIf(place.absent)(`${signal}, ${place.name}`, () => {
      test(
        "a run is ended while a picker runs",
        async () => {
          await using dir = await scratch();
          const setting = await prepare(place, dir.path, { pickers: { slow: hang(dir.path) } });
          const when = async () => (await hanging(dir.path)) !== undefined;
          const outcome = await interrupted(["archive", "--conf-dir", setting.conf], setting, { signal, when });
          expectInterrupted(outcome, signal);
          await expectCleanEnd(setting);
        },
        5 * minutes,
      );

      test(
        "a run is ended while a snapshotter dumps, with parts of its object sent",
        async () => {
          await using dir = await scratch();
          const dump = `head -c ${20 * MiB} /dev/urandom >&3\n${hang(dir.path)}`;
          const setting = await prepare(place, dir.path, { snapshotters: { dump }, layout: "objects" });
          const when = async () =>
            (await hanging(dir.path)) !== undefined && (await leftovers(setting.conf)).length > 0;
          const outcome = await interrupted(["archive", "--conf-dir", setting.conf], setting, { signal, when });
          expectInterrupted(outcome, signal);
          await expectCleanEnd(setting);
        },
        5 * minutes,
      );

      test(
        "a run is ended while a snapshotter dumps, with packs of its dump put",
        async () => {
          await using dir = await scratch();
          const dump = `head -c ${20 * MiB} /dev/urandom >&3\n${hang(dir.path)}`;
          const setting = await prepare(place, dir.path, { snapshotters: { dump } });
          const when = async () =>
            (await hanging(dir.path)) !== undefined && (await versionsIn(setting.conf, "packs/")).length > 3;
          const outcome = await interrupted(["archive", "--conf-dir", setting.conf], setting, { signal, when });
          expectInterrupted(outcome, signal);
          await expectCleanEnd(setting);
        },
        5 * minutes,
      );

      test(
        "a run is ended while content is stored, with packs put",
        async () => {
          await using dir = await scratch();
          const setting = await prepare(place, dir.path);
          // Behind all large files.
          const file = join(setting.tree, "small/5/10");
          const holder = Bun.spawn(["flock", file, "sh", "-c", hang(dir.path)]);
          while ((await hanging(dir.path)) === undefined) await Bun.sleep(5);
          const when = async () => (await versionsIn(setting.conf, "packs/")).length > 3;
          const outcome = await interrupted(["archive", "--conf-dir", setting.conf], setting, { signal, when });
          process.kill((await hanging(dir.path)) ?? 0);
          await holder.exited;
          await rm(join(dir.path, "hangs"));
          expectInterrupted(outcome, signal);
          await expectCleanEnd(setting);
        },
        5 * minutes,
      );

      test(
        "a restore is ended while files are restored",
        async () => {
          await using dir = await scratch();
          // So much that it is not over before the signal comes.
          const setting = await prepare(place, dir.path, {}, { size: 2 * bytes, files: 800 });
          const { conf, tree, expected, temporary } = setting;
          await archive(conf);
          const target = join(dir.path, "target");
          const when = async () => (await readdir(join(target, tree, "large")).catch((): string[] => [])).includes("0");
          const outcome = await interrupted(["restore", "test", "--conf-dir", conf, "--target", target], setting, {
            signal,
            when,
          });
          expectInterrupted(outcome, signal);
          expect(await readdir(temporary)).toEqual([]);
          const left = await describeTree(tree, { under: target });
          expect(left.size).toBeLessThan(expected.size);
          // Those that are there are whole.
          for (const [path, { digest }] of left) expect([path, digest]).toEqual([path, expected.get(path)?.digest]);
          expect(left.has(fromText(join(tree, "large/0")))).toBe(true);

          await restore(conf, "test", target);
          expect(await differences(target, { tree, expected })).toEqual([]);
        },
        5 * minutes,
      );

      test(
        "a restore is ended while a command replays a snapshot",
        async () => {
          await using dir = await scratch();
          const command = `${hang(dir.path)}; cat > '${dir.path}/replayed'`;
          const dump = `cat <<'END'\n::restore-through:: ${command}\nEND\necho the dump >&3`;
          const setting = await prepare(place, dir.path, { snapshotters: { dump } });
          const { conf, temporary } = setting;
          await archive(conf);
          const target = join(dir.path, "target");
          const args = ["restore", "test", "--conf-dir", conf, "--target", target, "--snapshots", "run", "--yes"];
          const when = async () => (await hanging(dir.path)) !== undefined;
          expectInterrupted(await interrupted(args, setting, { signal, when }), signal);
          expect(await readdir(temporary)).toEqual([]);
          const process_ = await hanging(dir.path);
          expect(process_ !== undefined && isAlive(process_)).toBe(false);

          await writeFile(join(dir.path, "go"), "");
          const again = await interrupted(args, setting, { signal, when: async () => false });
          expect(again).toMatchObject({ exit: restoredExit });
          expect(await readFile(join(dir.path, "replayed"), "utf8")).toBe("the dump\n");
        },
        5 * minutes,
      );
    });
  }
}
