/** Runs the program as its users do: as a process, with a configuration folder. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { programVariable } from "./compiled.ts";

export type ProgramOptions = {
  /** Added to this process' environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Standard input; empty if undefined. */
  readonly stdin?: string | Uint8Array;
  /** Run in place of `programWords`. */
  readonly executable?: string | undefined;
  /** Whether it runs in its own session, and so without a terminal, as under cron. */
  readonly detached?: boolean;
};

/** The outcome of a run: `exit` is 128 plus the signal's number if a signal ended it, as in shells. */
export type Outcome = { readonly exit: number; readonly stdout: string; readonly stderr: string };

const main = join(import.meta.dir, "../../cmd/main.ts");
const compiled = process.env[programVariable];

/** The program as the words of a command: compiled, which starts twice as fast, if the test run has it. */
export const programWords: readonly string[] = compiled === undefined ? [process.execPath, main] : [compiled];

/** The same for a shell. */
export const programInShell = programWords.map((word) => `'${word}'`).join(" ");

/** Runs it to its end. */
export async function sysbackup(args: readonly string[], options: ProgramOptions = {}): Promise<Outcome> {
  const child = startSysbackup(args, options);
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exit, stdout, stderr };
}

/** Starts it, for tests that interrupt or kill it. Its output must be read, or it stops when the pipes are full. */
export function startSysbackup(
  args: readonly string[],
  { env, cwd, stdin, executable, detached = false }: ProgramOptions = {},
) {
  const program = executable === undefined ? programWords : [executable];
  return Bun.spawn([...program, ...args], {
    stdin: stdin === undefined ? "ignore" : new Blob([stdin]),
    stdout: "pipe",
    stderr: "pipe",
    detached,
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
  });
}

export type Conf = {
  /** Over the defaults: the bucket and state paths below, and the backup name `test`. */
  readonly sections?: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  /** Name to script; `#!/bin/sh` is put before those that name no interpreter. */
  readonly pickers?: Readonly<Record<string, string>>;
  readonly snapshotters?: Readonly<Record<string, string>>;
};

export type ConfPaths = {
  /** Folder for `--conf-dir`. */
  readonly conf: string;
  readonly state: string;
  /** Folder and URL of the default bucket. */
  readonly bucket: string;
  readonly bucketUrl: string;
};

/** Writes `conf`, `pickers.d` and `snapshots.d` into `<dir>/conf`, and makes an empty `<dir>/bucket`. */
export async function writeConf(
  dir: string,
  { sections = {}, pickers = {}, snapshotters = {} }: Conf = {},
): Promise<ConfPaths> {
  const [conf, state, bucket] = [join(dir, "conf"), join(dir, "state"), join(dir, "bucket")];
  const paths: ConfPaths = { conf, state, bucket, bucketUrl: `file://${bucket}` };
  await mkdir(bucket, { recursive: true });
  await writeScripts(join(conf, "pickers.d"), pickers);
  await writeScripts(join(conf, "snapshots.d"), snapshotters);
  const s3 = { bucket: paths.bucketUrl, ...sections.s3 };
  const backup = { name: "test", state_dir: state, ...sections.backup };
  await writeFile(join(conf, "conf"), ini({ ...sections, s3, backup }));
  return paths;
}

async function writeScripts(folder: string, scripts: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(scripts)) {
    const path = join(folder, name);
    await writeFile(path, text.startsWith("#!") ? text : `#!/bin/sh\n${text}\n`);
    await chmod(path, 0o755);
  }
}

function ini(sections: NonNullable<Conf["sections"]>): string {
  const texts = Object.entries(sections).map(([section, keys]) => {
    const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}`);
    return `[${section}]\n${lines.join("\n")}\n`;
  });
  return texts.join("\n");
}
