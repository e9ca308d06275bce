/** A machine with a configuration, a bucket, and a few files to back up; and what is asked of each bad case on it. */
import { expect } from "bun:test";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exitStatus } from "../../core/failure.ts";
import { type Place, thorough } from "../round-trip/places.ts";
import { type Scratch, scratch } from "../support/faults/scratch.ts";
import { type Conf, type ConfPaths, type Outcome, sysbackup, writeConf } from "../support/program.ts";
import { compareTrees } from "../support/tree/compare.ts";
import { describeTree } from "../support/tree/describe.ts";
import { patternOf } from "./messages.ts";

/** What a bad case gets: this many lines of this message (one by default), and nothing else on stderr. */
export type Reported = { readonly exit: number; readonly message: string; readonly lines?: number };

export class Machine implements AsyncDisposable {
  /** What no output may hold. */
  readonly secrets: string[] = [];

  private constructor(
    readonly dir: Scratch,
    readonly tree: string,
    readonly paths: ConfPaths,
  ) {}

  /** A picker finds the whole tree; `conf` adds to that. The bucket is a folder unless `place` makes another. */
  static async open(conf: Conf = {}, place?: Place): Promise<Machine> {
    const dir = await scratch();
    const tree = join(dir.path, "tree");
    await makeTree(tree);
    const pickers = { tree: `exec find '${tree}' -print0`, ...conf.pickers };
    return new Machine(dir, tree, await (place?.configure ?? writeConf)(dir.path, { ...conf, pickers }));
  }

  get conf(): string {
    return this.paths.conf;
  }

  path(...names: readonly string[]): string {
    return join(this.dir.path, ...names);
  }

  async run(...words: readonly string[]): Promise<Outcome> {
    const outcome = await sysbackup([...words, "--conf-dir", this.conf]);
    for (const secret of this.secrets) expect(outcome.stdout + outcome.stderr).not.toContain(secret);
    return outcome;
  }

  /** Writes the configuration again, for the same folders. */
  async configure(conf: Conf): Promise<void> {
    await writeConf(this.dir.path, conf);
  }

  /** Archives, which is to succeed. */
  async archive(): Promise<void> {
    expect(await this.run("archive")).toMatchObject({ exit: 0, stderr: "" });
  }

  /** Waits for the next second, by which backups differ. */
  async nextSecond(): Promise<void> {
    await Bun.sleep(1_010 - (Date.now() % 1_000));
  }

  /** The newest backup's key. */
  async newest(): Promise<string> {
    const { stdout } = await this.run("list", "test", "--json");
    const key: unknown = JSON.parse(stdout.trim().split("\n").at(-1) ?? "").key;
    if (typeof key !== "string") throw new Error("a key was expected");
    return key;
  }

  /** Restores into a new folder, or one that an earlier restore left unfinished; all is to be as in the tree. */
  async restoresWhole(target = this.path(`target-${crypto.randomUUID()}`), wanted = "test"): Promise<void> {
    const restored = await this.run("restore", wanted, "--target", target, "--snapshots", "skip");
    expect(restored).toMatchObject({ exit: 0 });
    expect(compareTrees(await describeTree(this.tree), await describeTree(this.tree, { under: target }))).toEqual([]);
  }

  /** Checks that nothing was lost: the next run archives, and its backup restores identically. */
  async isWell(): Promise<void> {
    await this.archive();
    await this.restoresWhole();
  }

  /** Checks that the command gets this answer; if tests may take their time, also as a document with `--json`. */
  async refuses(words: readonly string[], reported: Reported): Promise<void> {
    expectReported(await this.run(...words), reported);
    if (!thorough) return;
    const { exit, stdout, stderr } = await this.run(...words, "--json");
    expectReported({ exit, stdout, stderr }, reported);
    expectDocument(stdout, reported);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
  }
}

async function makeTree(tree: string): Promise<void> {
  await mkdir(join(tree, "folder"), { recursive: true });
  await writeFile(join(tree, "large"), crypto.getRandomValues(Buffer.alloc(60_000)));
  await writeFile(join(tree, "folder", "small"), "small\n", { mode: 0o640 });
  await writeFile(join(tree, "empty"), "");
  await symlink("small", join(tree, "folder", "link"));
}

/** Leaves out lines about waiting for a service. */
const waiting = /: trying again in [\d.]+ s \(attempt \d+ of 8\)$/;

export function expectReported({ exit, stderr }: Outcome, { exit: status, message, lines = 1 }: Reported): void {
  const said = stderr.split("\n").filter((line) => line !== "" && !waiting.test(line));
  for (const line of said) expect(line.replace(/^(sysbackup|warning|error): /, "")).toMatch(patternOf(message));
  expect(said).toHaveLength(lines);
  expect(exit).toBe(status);
  expectClean(stderr);
}

/** No stack, no defect, nothing that steers a terminal. */
export function expectClean(text: string): void {
  expect(text).not.toMatch(/^\s+at |node_modules|\bdefect\b|\bundefined\b|\[object /m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
}

/** A failure is one document; a run that ended with less than all has its usual one. */
function expectDocument(stdout: string, { exit, message }: Reported): void {
  const document: unknown = JSON.parse(stdout);
  const error = { exit, message: expect.stringMatching(patternOf(message)) };
  expect(document).toMatchObject(exit === exitStatus.incomplete || exit === exitStatus.damaged ? {} : { error });
}
