/** The rescue executable: it alone, without the checkout, its packages or Bun, archives and restores. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { compiledProgram } from "../support/compiled.ts";
import { mayMount } from "../support/faults/disk-full.ts";
import { type Scratch, scratch } from "../support/faults/scratch.ts";
import { type ProgramOptions, sysbackup } from "../support/program.ts";
import { eventsOf } from "../support/trace-events.ts";
import { describeTree } from "../support/tree/describe.ts";
import { MiB, mixedFiles } from "./data.ts";
import { archive, lostBy } from "./loop.ts";
import { inDirectory, places, thorough } from "./places.ts";

const minutes = 60_000;
const checkout = join(import.meta.dir, "../..");

describe("the compiled executable", () => {
  let dir: Scratch;
  /** How it runs: elsewhere, with next to no environment. */
  let alone: ProgramOptions;

  beforeAll(async () => {
    dir = await scratch();
    const [executable, empty] = [await compiledProgram(), join(dir.path, "empty")];
    await mkdir(empty);
    const none = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
    const env = { ...none, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
    alone = { executable: mayMount ? await withoutCheckout(executable, empty) : executable, cwd: empty, env };
  }, 5 * minutes);

  afterAll(() => dir[Symbol.asyncDispose]());

  /** A program that runs it with an empty folder over the checkout. */
  async function withoutCheckout(executable: string, empty: string): Promise<string> {
    const path = join(dir.path, "alone");
    const hide = `mount --bind '${empty}' '${checkout}' && test ! -e '${checkout}/package.json'`;
    const script = `#!/bin/sh\nexec unshare --mount sh -ec "${hide}; exec '${executable}' \\"\\$@\\"" sh "$@"\n`;
    await writeFile(path, script, { mode: 0o755 });
    return path;
  }

  test("the compiled executable prints its version and its help", async () => {
    const version = await sysbackup(["--version"], alone);
    expect(version).toEqual({ exit: 0, stdout: `sysbackup ${packageJson.version}\n`, stderr: "" });
    const help = await sysbackup(["restore", "--help"], alone);
    expect(help).toMatchObject({ exit: 0, stderr: "" });
    expect(help.stdout).toContain("--target <dir>");
  });

  test("the compiled executable has the CloudFormation template", async () => {
    const template = await readFile(join(checkout, "cfn/sysbackup.yaml"), "utf8");
    const shown = await sysbackup(["create-resources", "--dry-run"], alone);
    expect(shown).toMatchObject({ exit: 0, stderr: "" });
    expect(shown.stdout).toEndWith(template);
  });

  for (const place of places) {
    for (const layout of thorough ? ["packs", "objects"] : ["packs"]) {
      test.skipIf(place.absent)(
        `the compiled executable archives, lists, verifies and restores, ${place.name}, ${layout}`,
        async () => {
          await using home = await scratch();
          const tree = join(home.path, "tree");
          await mixedFiles(tree, 4 * MiB, 160);
          const expected = await describeTree(tree);
          const { conf } = await place.configure(home.path, {
            sections: { content: { layout } },
            pickers: { all: `exec find '${tree}' -print0` },
            snapshotters: { dump: "echo from a snapshotter >&3" },
          });
          const archived = await archive(conf, alone);
          const listed = await sysbackup(["list", "--json", "--conf-dir", conf], alone);
          expect(listed).toMatchObject({ exit: 0, stderr: "" });
          expect(listed.stdout).toContain(archived.key);
          expect(await sysbackup(["verify", "--conf-dir", conf], alone)).toMatchObject({ exit: 0 });
          expect(await lostBy(conf, { tree, expected }, alone)).toEqual([]);
        },
        5 * minutes,
      );
    }
  }

  test.skipIf(availableParallelism() < 2)(
    "the compiled executable has the module of the threads that write files",
    async () => {
      await using home = await scratch();
      const tree = join(home.path, "tree");
      const target = join(home.path, "target");
      const trace = join(home.path, "trace.json");
      await mkdir(tree);
      for (let number = 0; number < 24; number += 1) await writeFile(join(tree, `${number}`), randomBytes(MiB));
      const { conf } = await inDirectory.configure(home.path, { pickers: { all: `exec find '${tree}' -print0` } });
      await archive(conf, alone);
      const args = ["restore", "test", "--conf-dir", conf, "--target", target, "--trace", trace];
      const { exit, stderr } = await sysbackup(args, alone);
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
      const spans = eventsOf(await readFile(trace, "utf8")).filter(
        (it) => it.name === "have a thread decode and write",
      );
      const spent = spans.map(({ args }) => Math.min(...["decode", "verify", "write"].map((it) => Number(args?.[it]))));
      expect(Math.max(...spent)).toBeGreaterThan(0);
      expect(await readFile(join(target, tree, "7"))).toEqual(await readFile(join(tree, "7")));
    },
    2 * minutes,
  );
});
