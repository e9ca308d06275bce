/** Runs the commands of `bun run check` in copies of the project: they pass as it is, and fail for one defect each. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import manifest from "../../package.json";

const root = join(import.meta.dir, "../..");
const content = ["cmd", "core", "restore", "test", "lint", "cfn", "systemd", "examples"];
const settings = ["package.json", "bun.lock", "knip.jsonc", "tsconfig.json", "bunfig.toml"];
const patience = 60_000;

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "sysbackup-lint-"));
  for (const name of [...content, ...settings]) await cp(join(root, name), join(scratch, name), { recursive: true });
  await symlink(join(root, "node_modules"), join(scratch, "node_modules"));
}, patience);
afterAll(() => rm(scratch, { recursive: true }));

type Files = Readonly<Record<string, string>>;

/** Runs a command in the copy of the project, after `files` were written to it. They are put back. */
async function run(command: string, files: Files = {}) {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(scratch, file)), { recursive: true });
    await writeFile(join(scratch, file), text);
  }
  const child = Bun.spawn([process.execPath, ...command.split(" ")], { cwd: scratch, stdout: "pipe", stderr: "pipe" });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  for (const file of Object.keys(files)) {
    await rm(join(scratch, file));
    if (await Bun.file(join(root, file)).exists()) await cp(join(root, file), join(scratch, file));
  }
  return { status, output: out + err };
}

const commands = ["lint/rooms.ts", "lint/circles.ts", "lint/type-names.ts", "lint/test-names.ts", "run unused"];

/** As the project is, they pass: `bun run test` shows it by `bun run check` itself. */
test.each(commands)("`bun %s` is part of `bun run check`", (command) => {
  expect(manifest.scripts.check.split(" && ")).toContain(`/proc/$PPID/exe ${command}`);
});

/** By check. Each run of it reads the whole project, so one run has all of these. */
const defects = {
  rooms: {
    "an import against the arrows": [{ "restore/x.ts": 'import "../cmd/io.ts";' }, "restore/x.ts imports cmd/io.ts"],
    "an import of test code": [{ "core/x.ts": 'import "../test/run.ts";' }, "core/x.ts imports test/run.ts"],
    "a folder that is in no room": [{ "core/new/x.ts": "" }, "core/new/x.ts: its folder is in no room"],
    "an import that is computed": [{ "core/y.ts": "void import('./' + 1);" }, "core/y.ts: import()"],
  },
  circles: {
    "a circle of product files": [{ "core/x.ts": 'import "./x.ts";' }, "core/x.ts → core/x.ts"],
    "a circle of tests": [{ "test/x.ts": 'import "./x.ts";' }, "test/x.ts → test/x.ts"],
  },
  "test-names": {
    "a test name that is no sentence": [{ "test/x.test.ts": 'test("is no sentence");' }, '"is no sentence"'],
  },
  "type-names": {
    "a doubled type name": [{ "core/x.ts": "type Failure = 1;" }, "type Failure is declared 2 times"],
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly [Files, string]>>>>;

describe.each(Object.entries(defects))("the check %s", (check, cases) => {
  let found: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    const files: Files = Object.assign({}, ...Object.values(cases).map(([files]) => files));
    found = await run(`lint/${check}.ts`, files);
  }, patience);

  test.each(Object.entries(cases))("a check fails for: %s", (_name, [, message]) => {
    expect(found.output).toContain(message);
    expect(found.status).toBe(1);
  });
});

describe("a check passes for", () => {
  test.each([
    [
      "imports along the arrows, a new command, and an import of the product by a test",
      "rooms",
      {
        "restore/x.ts": 'import "../core/failure.ts";',
        "cmd/commands/new/run.ts": 'import "../../io.ts";',
        "test/lint/x.test.ts": 'import "../../cmd/io.ts";',
      },
    ],
    ["an import in one direction", "circles", { "core/x.ts": 'import "./failure.ts";' }],
    ["a test name that is a sentence", "test-names", { "test/x.test.ts": 'test("this is one");' }],
    ["a type name of its own", "type-names", { "core/x.ts": "type NobodyElses = 1;" }],
  ] as const)(
    "a check passes for: %s",
    async (_name, check, files) => {
      expect(await run(`lint/${check}.ts`, files)).toEqual({ status: 0, output: "" });
    },
    patience,
  );
});

describe("`bun run unused`", () => {
  const failureWith = async (code: string) => (await Bun.file(join(root, "core/failure.ts")).text()) + code;

  test(
    "`bun run unused` names every file, export, type and package that nothing uses, and a used package that is no dependency",
    async () => {
      const dependencies = { ...manifest.dependencies, "left-pad": "1.3.0" };
      const { status, output } = await run("run unused", {
        "core/x.ts": "export const x = 1;",
        "core/failure.ts": await failureWith("export const nobodysValue = 1;\nexport type NobodysType = 1;\n"),
        "package.json": JSON.stringify({ ...manifest, dependencies }),
        "test/lint/x.test.ts": 'import "right-pad";',
      });
      for (const name of ["core/x.ts", "nobodysValue", "NobodysType", "left-pad", "right-pad"]) {
        expect(output).toContain(name);
      }
      expect(status).not.toBe(0);
    },
    patience,
  );

  /** Those that say so, `@internal`, are accepted: the project has some, and passes. */
  test(
    "`bun run unused` names an export of the product that only tests use",
    async () => {
      const code = await failureWith("export const nobody = () => {};\n");
      const user = 'import { nobody } from "../../core/failure.ts";\nnobody();\n';
      const { status, output } = await run("run unused", { "core/failure.ts": code, "test/lint/x.test.ts": user });
      expect(output).toContain("nobody");
      expect(status).not.toBe(0);
    },
    patience,
  );
});
