/**
 * Code from the working directory: every subcommand runs in a folder of an unprivileged user that is full of files which
 * Bun, a loader or a shell might take for theirs, as are the folder above and HOME. None is run, and what the program says
 * is what it says in the same folders without them.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { soundBunFlags } from "../../cmd/shared/sound-bun.ts";
import { subcommands } from "../../cmd/subcommands.ts";
import packageJson from "../../package.json" with { type: "json" };
import { attack } from "../support/attack.ts";
import { buildProgram, compiledProgram } from "../support/compiled.ts";
import { type Scratch, scratch } from "../support/faults/scratch.ts";
import { plant } from "../support/planted.ts";
import { type Outcome, startSysbackup, writeConf } from "../support/program.ts";
import { run } from "../support/services/command.ts";

const minutes = 60_000;
const checkout = join(import.meta.dir, "../..");
const usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A program to run, as the first words of a command line. */
type Program = readonly [string, ...string[]];

type Place = AsyncDisposable & {
  readonly path: string;
  readonly cwd: string;
  readonly mark: string;
  readonly conf: string;
};

/** `above/cwd`, `home`, and a configuration elsewhere with a file to back up. */
async function placeOf(planted: boolean): Promise<Place> {
  const dir: Scratch = await scratch();
  const path = dir.path;
  const [cwd, home, mark] = [join(path, "above/cwd"), join(path, "home"), join(path, "mark")];
  for (const folder of [cwd, join(home, ".config"), join(path, "tmp"), join(path, "data")])
    await mkdir(folder, { recursive: true });
  await writeFile(join(path, "data/file"), "content");
  const { conf } = await writeConf(join(path, "set-up"), { pickers: { data: `exec find '${path}/data' -print0` } });
  if (planted) for (const at of [cwd, dirname(cwd), home, join(home, ".config")]) await plant(at, mark);
  return { path, cwd, mark, conf, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

function environment({ path }: Place): Record<string, string> {
  const home = join(path, "home");
  const search = `.:node_modules/.bin:${path}/above/node_modules/.bin:bin::${usual}`;
  const offline = { AWS_EC2_METADATA_DISABLED: "true", AWS_MAX_ATTEMPTS: "1", AWS_ENDPOINT_URL: "http://127.0.0.1:1" };
  const key = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret", AWS_REGION: "eu-central-1" };
  return {
    PATH: search,
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    TMPDIR: join(path, "tmp"),
    ...offline,
    ...key,
  };
}

async function start(program: Program, words: readonly string[], place: Place): Promise<Outcome> {
  const [executable, ...before] = program;
  const none = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
  const env = { ...none, ...environment(place) };
  const child = startSysbackup([...before, ...words], { executable, cwd: place.cwd, env, detached: true });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout: alike(stdout, place), stderr: alike(stderr, place) };
}

/** Without what differs from run to run: the scratch folder, numbers, times, hashes, random names, widths of columns, progress. */
function alike(text: string, { path }: Place): string {
  return text
    .replaceAll(path, "PLACE")
    .replaceAll(/quickstart-\w+/g, "quickstart-X")
    .replaceAll(/\b[0-9a-f]{8,}\b/g, "HEX")
    .replaceAll(/[\d.,]*\d\S*(?: [kMGT]i?B\S*)?/g, "N")
    .replaceAll(/ {2,}/g, "  ")
    .replaceAll(/^[N ]* of N files, N\n/gm, "");
}

/** Words that let each subcommand do as much as it can here; one that is new runs with its defaults. */
function wordsOf({ name, options }: (typeof subcommands)[number], { conf, path }: Place): string[] {
  const has = (flag: string) => options.some((option) => option.flag.split(" ")[0] === flag);
  return [
    name,
    ...(has("--conf-dir") ? ["--conf-dir", conf] : []),
    ...(has("--dry-run") ? ["--dry-run"] : []),
    ...(has("--target") ? ["test", "--target", join(path, "restored")] : []),
    ...(has("--snapshots") ? ["--snapshots", "skip"] : []),
    ...(has("--days") ? ["test", "--days", "1"] : []),
    ...(has("--keep-last") ? ["--keep-last", "1"] : []),
    ...(has("--ambient-creds") ? ["--ambient-creds"] : []),
  ];
}

async function marks({ mark }: Place): Promise<string> {
  return readFile(mark, "utf8").catch(() => "");
}

type Kind = { readonly name: string; readonly program: () => Promise<Program>; readonly helps: boolean };

/** `helps`: also `--help` of each subcommand, which loads the same files in both. */
const kinds: readonly Kind[] = [
  { name: "the compiled program", program: async () => [await compiledProgram()], helps: true },
  {
    name: "cmd/main.ts by Bun",
    program: async () => [process.execPath, ...soundBunFlags, join(checkout, "cmd/main.ts")],
    helps: false,
  },
];

/** What the compiled program says in folders without such files: of `bun cmd/main.ts`, the same is expected. */
const said = new Map<string, Promise<Outcome>>();

async function saidWithout(line: string, words: readonly string[], place: Place): Promise<Outcome> {
  const outcome = said.get(line) ?? start([await compiledProgram()], words, place);
  said.set(line, outcome);
  return outcome;
}

describe.each(kinds)("$name, in a folder that a user has filled", ({ name, program: programOf, helps }) => {
  let program: Program;
  let clean: Place;
  let planted: Place;

  beforeAll(async () => {
    [program, clean, planted] = await Promise.all([programOf(), placeOf(false), placeOf(true)]);
    return async () => {
      for (const place of [clean, planted]) await place[Symbol.asyncDispose]();
    };
  }, 5 * minutes);

  const lines: readonly (readonly [string, (place: Place) => string[]])[] = [
    ["--version", () => ["--version"]],
    ...(helps ? subcommands : []).map((one) => [`${one.name} --help`, () => [one.name, "--help"]] as const),
    ...subcommands.map((one) => [one.name, (place: Place) => wordsOf(one, place)] as const),
  ];
  for (const [line, words] of lines)
    attack(
      {
        by: "U",
        what: "`bunfig.toml`, `.env`, `tsconfig.json`, `package.json`, `node_modules` in the folder where a subcommand runs",
        before: "the user's code ran as root",
        now: "none of it runs",
      },
      async () => {
        const [before, after] = await Promise.all([
          saidWithout(line, words(clean), clean),
          start(program, words(planted), planted),
        ]);
        expect(await marks(planted)).toBe("");
        expect(after).toEqual(before);
      },
      { variant: `${line}, ${name}` },
    );
});

describe("what lies in the folder is dangerous", () => {
  test(
    "a program compiled without the flags runs it, even for --version",
    async () => {
      await using place = await placeOf(true);
      const careless = join(place.path, "careless");
      await buildProgram(packageJson.scripts.build.replaceAll(/--no-compile-autoload-\S+ /g, ""), careless);
      await start([careless], ["--version"], place);
      expect(await marks(place)).toContain("script");
    },
    5 * minutes,
  );

  test("Bun without the flags runs it", async () => {
    await using place = await placeOf(true);
    await start([process.execPath, join(checkout, "cmd/main.ts")], ["--version"], place);
    expect(await marks(place)).toContain("script");
  });

  test("Bun itself would start its programs from a relative PATH", async () => {
    await using place = await placeOf(true);
    const code = 'Bun.spawnSync(["age"])';
    await start([process.execPath, ...soundBunFlags, "-e", code], [], place);
    expect(await marks(place)).toContain("program age");
  });
});

describe("scripts of package.json, in a checkout below a folder that a user has filled", () => {
  test("the first line of cmd/main.ts and the scripts have the flags that keep Bun from loading anything", async () => {
    const [line] = (await readFile(join(checkout, "cmd/main.ts"), "utf8")).split("\n");
    const flags = soundBunFlags.join(" ");
    const variables = "BUN_RUNTIME_TRANSPILER_CACHE_PATH=0 BUN_JSC_thresholdForFTLOptimizeAfterWarmUp=1000000";
    expect(line).toBe(`#!/usr/bin/env -S ${variables} bun ${flags}`);
    expect(packageJson.scripts.sysbackup).toBe(`${variables} /proc/$PPID/exe ${flags} cmd/main.ts`);
    expect(packageJson.scripts.quickstart).toEndWith(`&& ${variables} /proc/$PPID/exe ${flags} cmd/main.ts quickstart`);
  });

  test("cmd/main.ts itself, run by its first line, runs none of it", async () => {
    await using place = await placeOf(true);
    const bin = join(place.path, "sound");
    await mkdir(bin);
    await symlink(process.execPath, join(bin, "bun"));
    const env = `PATH='${bin}:${usual}' HOME='${place.path}/home'`;
    const printed = await run(["sh", "-ec", `cd '${place.cwd}' && ${env} '${checkout}/cmd/main.ts' --version`]);
    expect(printed).toBe(`sysbackup ${packageJson.version}\n`);
    expect(await marks(place)).toBe("");
  });

  test("bun run starts no program of a folder above the checkout", async () => {
    await using place = await placeOf(true);
    const copy = join(place.path, "above/checkout");
    await mkdir(join(copy, "cmd"), { recursive: true });
    await copyFile(join(checkout, "package.json"), join(copy, "package.json"));
    await writeFile(join(copy, "cmd/main.ts"), "console.log(process.argv.length)\n");
    await symlink(join(checkout, "node_modules"), join(copy, "node_modules"));
    const bun = [process.execPath, "run", "--silent", "--cwd", copy];
    expect(await run([...bun, "sysbackup", "list"])).toBe("3\n");
    expect(await marks(place)).toBe("");
  });

  test("every script starts the Bun that runs it, and none by name", () => {
    for (const script of Object.values(packageJson.scripts)) expect(script).not.toMatch(/(?:^|&& )bunx? /);
  });
});
