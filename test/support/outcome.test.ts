import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closingLine, outcomeOf, skippedTests, sum } from "./outcome.ts";

const files = {
  "mixed.test.ts": `
    import { describe, test } from "bun:test";
    test("passes", () => {});
    test("fails", () => { throw new Error("on purpose"); });
    describe("outer", () => describe("inner", () => test.skip('<"quoted" & more>', () => {})));
    test.todo("is to be written");
  `,
  "unloadable.test.ts": `import "./no-such-module.ts";`,
  "ending.test.ts": `
    import { test } from "bun:test";
    test("ends the process", () => process.exit(0));
  `,
};

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sysbackup-outcome-"));
  for (const [name, text] of Object.entries(files)) await Bun.write(join(folder, name), text);
});

afterAll(() => rm(folder, { recursive: true }));

/** What the real `bun test` makes of some of the files. */
async function bunTest(...names: (keyof typeof files | "--parallel=2")[]) {
  const junit = join(folder, "junit.xml");
  const child = Bun.spawn(
    [
      process.execPath,
      "test",
      "--reporter=junit",
      `--reporter-outfile=${junit}`,
      ...names.map((name) => (name in files ? `./${name}` : name)),
    ],
    { cwd: folder, stdout: "ignore", stderr: "pipe", env: process.env },
  );
  const output = await child.stderr.text();
  return { output, status: await child.exited, junit: await readFile(junit, "utf8").catch(() => "") };
}

describe("the outcome of bun test", () => {
  test("the outcome counts passed, failed, skipped and to-do tests", async () => {
    const { output } = await bunTest("mixed.test.ts");
    expect(outcomeOf(output)).toEqual({ passed: 1, failed: 1, skipped: 2 });
  });

  test("the outcome counts a file that does not load as failed", async () => {
    const { output } = await bunTest("mixed.test.ts", "unloadable.test.ts");
    expect(outcomeOf(output)).toEqual({ passed: 1, failed: 2, skipped: 2 });
  });

  test("the outcome is unknown if a test ends the process, even with status 0", async () => {
    const { output, status } = await bunTest("ending.test.ts");
    expect(status).toBe(0);
    expect(outcomeOf(output)).toBeUndefined();
  });

  test("the outcome of parallel processes is the same, and a file counts as failed if a test ends the process", async () => {
    const { output } = await bunTest("--parallel=2", "mixed.test.ts", "unloadable.test.ts", "ending.test.ts");
    expect(outcomeOf(output)).toEqual({ passed: 1, failed: 3, skipped: 2 });
  });

  test.each([[[]], [["--parallel=2" as const]]])(
    "the outcome names skipped tests with file and groups, with the options %j",
    async (options) => {
      const { junit } = await bunTest(...options, "mixed.test.ts");
      expect(skippedTests(junit)).toEqual([
        'mixed.test.ts: outer > inner > <"quoted" & more>',
        "mixed.test.ts: is to be written",
      ]);
    },
  );
});

test("the closing line adds up", () => {
  const outcomes = [
    { passed: 1, failed: 2, skipped: 3 },
    { passed: 10, failed: 20, skipped: 30 },
  ];
  expect(closingLine(sum(outcomes))).toBe("11 passed, 22 failed, 33 skipped");
});
