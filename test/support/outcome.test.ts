import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ErrorsOutside, failureLines } from "./failures.ts";
import { failedTests, skippedTests } from "./junit.ts";
import { closingLine, outcomeOf, sum } from "./outcome.ts";

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
  "failing.test.ts": `
    import { describe, expect, test } from "bun:test";
    test("takes too long", () => Bun.sleep(10_000), 1);
    describe("outer", () => describe("inner", () => test("<is> not equal", () => expect({ a: "<&>" }).toEqual({ a: 1 }))));
    test("fails at length", () => { throw new Error("line of many\\n".repeat(300)); });
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
    "failed tests are named with file, groups and message, and files that do not load by their error, with the options %j",
    async (options) => {
      const { output, junit } = await bunTest(...options, "mixed.test.ts", "unloadable.test.ts", "failing.test.ts");
      const failures = failedTests(junit);
      const messages = Object.fromEntries(failures.map(({ name, message }) => [name, message]));
      expect(messages).toMatchObject({
        "mixed.test.ts: fails": expect.stringMatching(/^Error: on purpose\n.* at mixed\.test\.ts:\d+/),
        "failing.test.ts: takes too long": "test timed out",
        "failing.test.ts: outer > inner > <is> not equal": expect.stringContaining('+   "a": "<&>",'),
        "failing.test.ts: fails at length": expect.stringContaining("line of many\n"),
      });
      expect(failures).toHaveLength(4);
      const outside = new ErrorsOutside();
      for (const piece of output.match(/[\s\S]{1,7}/g) ?? []) outside.push(piece);
      expect(outside.found).toEqual([
        {
          name: "an error outside of tests",
          message: expect.stringMatching(/no-such-module\.ts.*unloadable\.test\.ts/),
        },
      ]);
      const lines = failureLines(failures);
      expect(lines).toContain("failed: failing.test.ts: fails at length");
      expect(lines).toContainEqual(expect.stringMatching(/^ {2}… and \d+ more lines$/));
      expect(lines.filter((line) => line === "  line of many").length).toBeWithin(90, 101);
    },
  );

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

test("the first twenty of very many failures are printed again", () => {
  const failures = Array.from({ length: 25 }, (_, number) => ({ name: `test ${number}`, message: "x".repeat(9_000) }));
  const lines = failureLines(failures);
  expect(lines.filter((line) => line.startsWith("failed: "))).toHaveLength(20);
  expect(lines.at(-1)).toBe("… and 5 more failures");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(2_100);
  expect(failureLines([])).toEqual([]);
});
